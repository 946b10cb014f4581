-- Limits of energy per unit of product (单位产品能耗限额), kgce per unit on the calorific basis; grade 3 is the limit of
-- existing plants. A limit may be negative: a converter recovers more than it uses. Editable: none is a constant in code.
CREATE TABLE core.product_limit (
    product text NOT NULL,
    unit text NOT NULL,
    name_zh text NOT NULL,
    name_en text NOT NULL,
    grade_1 numeric NOT NULL,
    grade_2 numeric NOT NULL CHECK (grade_2 >= grade_1),
    grade_3 numeric NOT NULL CHECK (grade_3 >= grade_2),
    source text NOT NULL CHECK (source <> ''),
    confidence text NOT NULL CHECK (confidence IN ('high', 'medium', 'low', 'unverified', 'declared')),
    author text NOT NULL,
    recorded_at timestamptz NOT NULL DEFAULT now(),
    recorded_until timestamptz NOT NULL DEFAULT 'infinity' CHECK (recorded_until >= recorded_at)
);
CREATE UNIQUE INDEX product_limit_current ON core.product_limit (product) WHERE recorded_until = 'infinity';
INSERT INTO core.product_limit
    (product, unit, name_zh, name_en, grade_1, grade_2, grade_3, source, confidence, author)
VALUES
    ('eaf_steel', 't', '电炉钢（≥70 t）', 'Electric-arc furnace steel, 70 t and above', 61, 64, 72, 'GB 21256-2025', 'medium',
     'shipped'),
    ('pig_iron', 't', '高炉铁水', 'Blast-furnace iron', 361, 370, 415, 'GB 21256-2025', 'medium', 'shipped'),
    ('converter_steel', 't', '转炉钢', 'Converter steel', -30, -28, -12, 'GB 21256-2025: net recovery', 'medium', 'shipped'),
    ('all_steel_radial_tyre', 't', '全钢子午线轮胎', 'All-steel radial tyres', 215, 235, 340, 'GB 29449-2024', 'medium',
     'shipped'),
    ('semi_steel_radial_tyre', 't', '半钢子午线轮胎', 'Semi-steel radial tyres', 255, 290, 430, 'GB 29449-2024', 'medium',
     'shipped');
