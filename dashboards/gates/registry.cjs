// Prints the unit ids and reducers that Grafana knows, as dashboards/grafana-registry.json keeps them.
Object.defineProperty(globalThis, 'navigator', { value: { language: 'en-US', languages: ['en-US'] }, configurable: true });
const { createRequire } = require('node:module');
const { getValueFormats, fieldReducers } = createRequire(process.cwd() + '/')('@grafana/data');
const units = new Set(getValueFormats().flatMap((group) => group.submenu.map((unit) => unit.value)));
const reducers = fieldReducers.list().map((reducer) => reducer.id);
process.stdout.write(JSON.stringify({ reducers: reducers.sort(), units: [...units].sort() }, null, 1) + '\n');
