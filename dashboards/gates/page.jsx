// Gate D, second half: the committed dashboards drawn with Grafana's own components, field config, units and thresholds.
// Stand-ins of ours: the grid, and the drawing of state-timeline and status-history.
import React from 'react';
import { createRoot } from 'react-dom/client';
import { ThemeContext, createTheme, applyFieldOverrides, toDataFrame, getFieldDisplayValues, getDisplayProcessor,
  standardFieldConfigEditorRegistry, standardEditorsRegistry, FieldConfigOptionsRegistry, VizOrientation, dateTime,
  getFieldDisplayName, identityOverrideProcessor, displayNameOverrideProcessor, unitOverrideProcessor, numberOverrideProcessor,
  thresholdsOverrideProcessor, valueMappingsOverrideProcessor } from '@grafana/data';
import * as ui from '@grafana/ui';
import * as unstable from '@grafana/ui/unstable';

const theme = createTheme({ colors: { mode: 'light' } });
const any = (id, path, process = identityOverrideProcessor) =>
  ({ id, path: path ?? id, name: id, isCustom: id.startsWith('custom.'), process, shouldApply: () => true, override: () => null, editor: () => null });
const standard = [any('unit', 'unit', unitOverrideProcessor), any('min', 'min', numberOverrideProcessor),
  any('max', 'max', numberOverrideProcessor), any('decimals', 'decimals', numberOverrideProcessor),
  any('displayName', 'displayName', displayNameOverrideProcessor), any('noValue'), any('links'), any('color'),
  any('thresholds', 'thresholds', thresholdsOverrideProcessor), any('mappings', 'mappings', valueMappingsOverrideProcessor)];
standardFieldConfigEditorRegistry.setInit(() => standard);
const customIds = ['width', 'align', 'cellOptions', 'hidden', 'hideFrom', 'drawStyle', 'fillOpacity', 'lineWidth', 'stacking',
  'lineInterpolation', 'showPoints', 'pointSize', 'spanNulls', 'barAlignment', 'axisPlacement', 'axisSoftMin', 'thresholdsStyle',
  'filterable', 'inspect', 'lineStyle'];
const registry = new FieldConfigOptionsRegistry(() =>
  [...standard, ...customIds.map((id) => ({ ...any('custom.' + id, id) }))]);

function data(panel, fields) {
  if (!fields.length) return [];
  const frame = toDataFrame({ fields, refId: 'A' });
  return applyFieldOverrides({ data: [frame], fieldConfig: panel.fieldConfig, theme, timeZone: 'Asia/Shanghai',
    replaceVariables: (text) => text, fieldConfigRegistry: registry });
}
const Nothing = ({ text }) => <div style={{ padding: 16, color: '#777', textAlign: 'center' }}>{text}</div>;

function Stat({ panel, frames, width, height }) {
  const values = getFieldDisplayValues({ fieldConfig: panel.fieldConfig, reduceOptions: panel.options.reduceOptions,
    replaceVariables: (text) => text, theme, data: frames, timeZone: 'Asia/Shanghai' });
  const each = width / values.length;
  return <div style={{ display: 'flex' }}>{values.map((value, key) => <ui.BigValue key={key} theme={theme} width={each} height={height}
    value={value.display} colorMode={panel.options.colorMode} graphMode="none" justifyMode="center"
    textMode={panel.options.textMode} />)}</div>;
}
function Bars({ panel, frames, width, height }) {
  const values = getFieldDisplayValues({ fieldConfig: panel.fieldConfig, reduceOptions: panel.options.reduceOptions,
    replaceVariables: (text) => text, theme, data: frames, timeZone: 'Asia/Shanghai' });
  const each = Math.min(40, height / values.length - 6);
  return <div>{values.map((value, key) => <div key={key} style={{ marginBottom: 6 }}><ui.BarGauge theme={theme} width={width} height={each}
    value={value.display} field={value.field} display={value.view?.getFieldDisplayProcessor(value.colIndex)}
    orientation={VizOrientation.Horizontal} displayMode={panel.options.displayMode} text={{}} itemSpacing={6}
    alignmentFactors={{ title: values.map((v) => v.display.title ?? '').sort((a, b) => b.length - a.length)[0], text: '000.0 tCO₂' }} /></div>)}</div>;
}
function Table({ frames, width, height }) {
  const T = unstable.TableNG ?? ui.Table;
  return <T data={frames[0]} width={width} height={height} cellHeight="sm" noHeader={false} timeRange={undefined} structureRev={1}
    enableSharedCrosshair={false} initialSortBy={[]} fieldConfig={undefined} getActions={() => []} />;
}
function Series({ panel, frames, width, height, range }) {
  const T = ui.TimeSeries ?? ui.GraphNG;
  return <T frames={frames} structureRev={1} timeRange={range} timeZone="Asia/Shanghai" width={width} height={height}
    legend={panel.options.legend} options={panel.options}>{() => null}</T>;
}
function Cells({ frames, width, height }) {
  const [time, ...rows] = frames[0].fields;
  const n = time.values.length;
  return <div style={{ overflow: 'hidden', height }}>{rows.map((row, key) => {
    const show = row.display ?? getDisplayProcessor({ field: row, theme });
    return <div key={key} style={{ display: 'flex', height: Math.min(40, height / rows.length), alignItems: 'center' }}>
      <div style={{ width: 220, fontSize: 12, overflow: 'hidden', whiteSpace: 'nowrap' }}>{getFieldDisplayName(row, frames[0])}</div>
      {row.values.map((value, at) => <div key={at} title={show(value).text}
        style={{ width: (width - 220) / n, height: '80%', background: value === null ? 'transparent' : show(value).color, opacity: 0.75 }} />)}
    </div>; })}</div>;
}
const KINDS = { stat: Stat, bargauge: Bars, table: Table, timeseries: Series, 'state-timeline': Cells, 'status-history': Cells };

class Guard extends React.Component {
  state = {};
  static getDerivedStateFromError(problem) { return { problem }; }
  componentDidCatch(problem) { console.error('PANEL', this.props.title, problem.stack); }
  render() { return this.state.problem ? <Nothing text={'错误 ' + this.state.problem} /> : this.props.children; }
}
function Panel({ panel, fields, unit, range, narrow }) {
  const { x, y, w, h } = panel.gridPos;
  const width = (narrow ? 24 : w) * unit - 8, height = h * 38 - 8;
  const place = narrow ? { position: 'relative', marginBottom: 8, width, height } :
    { position: 'absolute', left: x * unit, top: y * 38, width, height };
  const own = panel.timeFrom && { '31d': 31, '1y': 366 }[panel.timeFrom] * 86400e3;
  const since = own && dateTime(range.to.valueOf() - own);
  const shown = own ? { from: since, to: range.to, raw: { from: since, to: range.to } } : range;
  const frames = data(panel, fields);
  const Kind = KINDS[panel.type];
  return <div style={place}><Guard title={panel.title}>
    <ui.PanelChrome title={panel.title} description={panel.description} width={width} height={height} padding="md">
      {(inner, tall) => frames.length ? <Guard title={panel.title}><Kind panel={panel} frames={frames} width={inner} height={tall} range={shown} /></Guard>
        : <Nothing text={panel.fieldConfig.defaults.noValue} />}
    </ui.PanelChrome></Guard></div>;
}
function Page({ board, frames }) {
  const screen = window.innerWidth, narrow = screen < 769, unit = (screen - 24) / 24;
  const days = { 'now-24h': 1, 'now-48h': 2, 'now-30d': 30, 'now-6h': 0.25 }[board.time.from];
  const to = dateTime(), from = dateTime(to.valueOf() - days * 86400e3);
  const range = { from, to, raw: { from, to } };
  const bottom = Math.max(...board.panels.map((panel) => panel.gridPos.y + panel.gridPos.h)) * 38;
  return <div style={{ padding: 12, background: theme.colors.background.canvas }}>
    <div style={{ font: '500 18px sans-serif', marginBottom: 8 }}>{board.title}</div>
    <div style={{ position: 'relative', height: narrow ? undefined : bottom }}>
      {board.panels.map((panel) => <Panel key={panel.id} panel={panel} fields={frames[panel.id]} unit={unit} range={range} narrow={narrow} />)}
    </div></div>;
}
const uid = new URLSearchParams(location.search).get('board');
createRoot(document.getElementById('root')).render(
  <ThemeContext.Provider value={theme}><ui.GlobalStyles /><Page {...window.BOARDS[uid]} /></ThemeContext.Provider>);
