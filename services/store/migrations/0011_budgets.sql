-- Budgets (用能预算) with their versions, monthly parts and forecasts; what is reported by hand where no meter is.

-- Declared production per site and month: what an intensity is per.
CREATE TABLE IF NOT EXISTS core.production (
    site_id int NOT NULL REFERENCES core.site,
    month date NOT NULL CHECK (extract(day FROM month) = 1),
    product text NOT NULL,
    unit text NOT NULL,
    amount numeric NOT NULL CHECK (amount >= 0),
    author text NOT NULL,
    recorded_at timestamptz NOT NULL DEFAULT now(),
    recorded_until timestamptz NOT NULL DEFAULT 'infinity'
);
CREATE UNIQUE INDEX IF NOT EXISTS production_current ON core.production (site_id, month, product)
    WHERE recorded_until = 'infinity';

-- How severity is shown. Schemes number their levels in opposite ways, so a level is never shown without its scheme.
CREATE TABLE core.budget_scheme (
    scheme text NOT NULL,
    severity text NOT NULL CHECK (severity IN ('worst', 'serious', 'fine', 'unknown')),
    scheme_zh text NOT NULL,
    scheme_en text NOT NULL,
    colour text NOT NULL,
    level_zh text NOT NULL,
    level_en text NOT NULL,
    source text NOT NULL,
    PRIMARY KEY (scheme, severity)
);
INSERT INTO core.budget_scheme VALUES
    ('barometer', 'worst', '能耗晴雨表', 'official barometer', 'red', '一级（红色，最严重）', 'level 1, red, the worst',
     'national 晴雨表: level 1 is red and the worst, level 3 green'),
    ('barometer', 'serious', '能耗晴雨表', 'official barometer', 'orange', '二级（橙色）', 'level 2, orange',
     'national 晴雨表'),
    ('barometer', 'fine', '能耗晴雨表', 'official barometer', 'green', '三级（绿色，正常）', 'level 3, green, on course',
     'national 晴雨表'),
    ('barometer', 'unknown', '能耗晴雨表', 'official barometer', 'grey', '数据不足，不评级', 'not rated: data is missing',
     'missing data never looks like saving'),
    ('municipal', 'worst', '市级旧分级', 'older municipal scheme', 'red', '三级（红色，最严重）', 'level 3, red, the worst',
     'older municipal scheme, numbered the other way round'),
    ('municipal', 'serious', '市级旧分级', 'older municipal scheme', 'orange', '二级（橙色）', 'level 2, orange',
     'older municipal scheme'),
    ('municipal', 'fine', '市级旧分级', 'older municipal scheme', 'green', '一级（绿色，正常）', 'level 1, green, on course',
     'older municipal scheme'),
    ('municipal', 'unknown', '市级旧分级', 'older municipal scheme', 'grey', '数据不足，不评级',
     'not rated: data is missing', 'missing data never looks like saving');

-- What is limited: a site, an enterprise, or the district where both are null. That never changes; the versions do.
CREATE TABLE core.budget (
    budget_id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    code text NOT NULL UNIQUE CHECK (code ~ '^[a-z0-9-]{1,40}$'),
    district_code text NOT NULL REFERENCES core.district,
    enterprise_id int REFERENCES core.enterprise,
    site_id int REFERENCES core.site,
    recorded_at timestamptz NOT NULL DEFAULT now(),
    CHECK (site_id IS NULL OR enterprise_id IS NOT NULL)
);

-- One calendar year's allowance, in force from recorded_at until recorded_until. The base unit is the carriers' own
-- unit (energy), tce (coal) or tCO2 (co2), each per unit of the product where there is one; `unit` is how it is shown.
CREATE TABLE core.budget_version (
    version_id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    budget_id int NOT NULL REFERENCES core.budget,
    year int NOT NULL CHECK (year BETWEEN 1990 AND 2200),
    name_zh text NOT NULL,
    name_en text NOT NULL,
    period text NOT NULL CHECK (period IN ('month', 'year')),
    measure text NOT NULL CHECK (measure IN ('energy', 'coal', 'co2')),
    basis text CHECK (basis IN ('calorific', 'primary')),           -- 当量值, 等价值
    carriers text[],                                                -- null: all
    product text,                                                   -- null: a total, else an intensity
    product_unit text,
    unit text NOT NULL,
    shown_per_base numeric NOT NULL CHECK (shown_per_base > 0),     -- 0.001 where MWh are shown for kWh
    split text NOT NULL CHECK (split IN ('equal', 'last_year', 'by_hand', 'monthly')),
    levels numeric[] NOT NULL,                                      -- shares of the allowance that are told of
    coverage_ratio numeric NOT NULL CHECK (coverage_ratio > 0 AND coverage_ratio <= 1),
    pace_ratio numeric NOT NULL CHECK (pace_ratio >= 1),            -- actual ÷ planned above it is ahead
    scheme text NOT NULL,
    source text NOT NULL,                                           -- the section or document that sets it
    author text NOT NULL,
    recorded_at timestamptz NOT NULL DEFAULT now(),
    recorded_until timestamptz NOT NULL DEFAULT 'infinity' CHECK (recorded_until >= recorded_at),
    CHECK ((measure = 'coal') = (basis IS NOT NULL)),
    CHECK (measure <> 'energy' OR carriers IS NOT NULL),
    CHECK ((product IS NULL) = (product_unit IS NULL))
);
CREATE UNIQUE INDEX budget_version_current ON core.budget_version (budget_id, year) WHERE recorded_until = 'infinity';

-- In base units. The parts of a year add up to it exactly; those of an intensity are its limit, each month.
CREATE TABLE core.budget_part (
    version_id int NOT NULL REFERENCES core.budget_version,
    month date NOT NULL CHECK (extract(day FROM month) = 1),
    allowance numeric NOT NULL CHECK (allowance >= 0),
    PRIMARY KEY (version_id, month)
);

-- Sites that must deliver a figure, metered or by hand: without it the budget is unknown.
CREATE TABLE core.budget_plant (
    version_id int NOT NULL REFERENCES core.budget_version,
    site_id int NOT NULL REFERENCES core.site,
    PRIMARY KEY (version_id, site_id)
);

-- What a site reports for a month by hand, in thousandths of the carrier's unit. It counts where no level-1 register
-- of that carrier stands at the site in that month, else it is shown beside the metered figure.
CREATE TABLE core.manual_figure (
    site_id int NOT NULL REFERENCES core.site,
    carrier text NOT NULL REFERENCES core.carrier,
    month date NOT NULL CHECK (extract(day FROM month) = 1),
    amount bigint NOT NULL CHECK (amount >= 0),
    source text NOT NULL,
    author text NOT NULL,
    recorded_at timestamptz NOT NULL DEFAULT now(),
    recorded_until timestamptz NOT NULL DEFAULT 'infinity' CHECK (recorded_until >= recorded_at)
);
CREATE UNIQUE INDEX manual_figure_current ON core.manual_figure (site_id, carrier, month)
    WHERE recorded_until = 'infinity';

-- What the end of a period was expected to be at a moment, in base units; null quantiles: too little history for a band.
CREATE TABLE core.budget_forecast (
    version_id int NOT NULL REFERENCES core.budget_version,
    starts_on date NOT NULL,
    made_at timestamptz NOT NULL,
    method text NOT NULL,
    p10 numeric,
    p50 numeric NOT NULL,
    p90 numeric,
    history_days int NOT NULL,
    recorded_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (version_id, starts_on, made_at)
);
