-- Prints docs/reference.md: every public function, row type and setting of hms, from the catalog of the database it
-- runs in. The order, the areas and the finer points come from the comments of the extension's installed SQL file.
-- usage: psql -XAtq -v ON_ERROR_STOP=1 -f script/reference.sql (as a superuser, in a database with the extension)

BEGIN;
SET LOCAL client_min_messages = warning;
SELECT NULL FROM (
    SELECT set_config('search_path', format('%I, pg_temp', n.nspname), true)
    FROM pg_extension AS e JOIN pg_namespace AS n ON n.oid = e.extnamespace WHERE e.extname = 'hms') AS s \gset

-- The name of a type as people write it.
CREATE FUNCTION pg_temp.type_name(type oid) RETURNS text LANGUAGE sql AS
$$ SELECT replace(format_type(type, NULL), 'timestamp with time zone', 'timestamptz') $$;

-- Text that a COMMENT begins and ends as it likes, as sentences.
CREATE FUNCTION pg_temp.sentence(text text) RETURNS text LANGUAGE sql AS
$$ SELECT upper(left(text, 1)) || substr(text, 2) || CASE WHEN text ~ '[.?!]$' THEN '' ELSE '.' END $$;

-- The SQL file, cut at its section headings: their titles, and what stands below them.
CREATE TEMP TABLE section ON COMMIT DROP AS
WITH part AS (
    SELECT p.text, p.place, lead(p.text) OVER (ORDER BY p.place) AS body
    FROM pg_config AS c, pg_extension AS e,
        LATERAL pg_read_file(c.setting || '/extension/hms--' || e.extversion || '.sql') AS file,
        LATERAL regexp_split_to_table(file, '\n-- -{60,}\n') WITH ORDINALITY AS p (text, place)
    WHERE c.name = 'SHAREDIR' AND e.extname = 'hms'
)
SELECT place, body, regexp_replace(split_part(substr(text, 4), E'\n--\n', 1), '\n-- ', ' ', 'g') AS title
FROM part WHERE place % 2 = 0;

-- What the file says above the first CREATE of each name. Its first sentence is the COMMENT in other words;
-- how much of it to show is decided below.
CREATE TEMP TABLE remark ON COMMIT DROP AS
WITH found AS (
    SELECT DISTINCT ON (name) s.place AS area, f.place, f.match[2] AS name,
           regexp_replace(f.match[1], '^-- ?(hms_\w+\(.*)?', '', 'gn') AS lines
    FROM section AS s,
        LATERAL regexp_matches(s.body, '((?:\n--[^\n]*)*)\n+CREATE (?:FUNCTION|PROCEDURE) @extschema@\.(hms_\w+)\(', 'g')
            WITH ORDINALITY AS f (match, place)
    ORDER BY name, s.place, f.place
), joined AS (
    SELECT *, btrim(regexp_replace(regexp_replace(lines, '(\w-)\s*\n\s*(?=\w)', '\1', 'g'), '\s+', ' ', 'g')) AS text
    FROM found
), cut AS (
    SELECT *, regexp_replace(text, '(Errors|Source): .*', '') AS body,
           btrim(substring(text FROM 'Errors: (.*?)(?=Source: |$)'), ' .') AS errors
    FROM joined
)
SELECT name, area, place, first, btrim(body) AS body,
       CASE WHEN errors !~ '^(MSnnn|[Tt]hose of hms_|$)' THEN errors END AS errors,
       btrim(substring(text FROM 'Source: (.*)$'), ' .') AS source
FROM cut, LATERAL (SELECT substring(body FROM '^.*?[.?](?=\s|$)')) AS s (first);

-- The public functions, each with the lines of its entry.
CREATE TEMP TABLE function ON COMMIT DROP AS
WITH RECURSIVE member AS (
    SELECT d.objid AS oid
    FROM pg_depend AS d JOIN pg_extension AS e ON d.refclassid = 'pg_extension'::regclass AND d.refobjid = e.oid
    WHERE d.classid = 'pg_proc'::regclass AND d.deptype = 'e' AND e.extname = 'hms'
), asking AS (
    -- who sends requests: the C functions that do, and what is built on them
    SELECT oid FROM pg_proc JOIN member USING (oid) WHERE proname IN ('_hms_rows', '_hms_call', '_hms_check', 'asset_texts')
    UNION
    SELECT d.objid
    FROM asking JOIN pg_depend AS d ON d.refclassid = 'pg_proc'::regclass AND d.refobjid = asking.oid
    WHERE d.classid = 'pg_proc'::regclass
), level AS (
    SELECT DISTINCT ON (f) f AS oid, l AS name
    FROM unnest(ARRAY['tokens', 'read', 'write', 'all']) WITH ORDINALITY AS l (l, place), hms_internal._hms_functions(l) AS f
    ORDER BY f, place
), described AS (
    SELECT p.oid, p.proname AS name, r.area, r.place, r.first, r.body, r.errors, p.provolatile,
           p.oid IN (SELECT oid FROM asking) AS asks,
           regexp_replace(c.comment, ' *\((GET|POST|DELETE) [^)]*\)$', '') AS comment,
           coalesce(substring(c.comment FROM '\(((?:GET|POST|DELETE) [^)]*)\)$'), r.source) AS requests,
           l.name AS level,
           has_function_privilege('public', p.oid, 'EXECUTE') AS open,
           CASE WHEN t.typtype = 'c' THEN t.typname END AS row_type,
           CASE p.prokind WHEN 'p' THEN 'CALL ' ELSE '' END || p.proname AS call,
           CASE WHEN p.prokind = 'p' THEN '' WHEN p.prorettype <> 'record'::regtype
               THEN CASE WHEN p.proretset THEN ' → SETOF ' ELSE ' → ' END || pg_temp.type_name(p.prorettype)
               WHEN p.proretset THEN ' → TABLE' ELSE ' → one row' END AS result,
           (SELECT array_agg(concat_ws(' ', CASE a.mode WHEN 'v' THEN 'VARIADIC' END, a.name, pg_temp.type_name(a.type),
                       'DEFAULT ' || regexp_replace(regexp_replace(pg_get_function_arg_default(p.oid, a.place::integer),
                           '::[a-z ]+(\[\])?$', ''), '.*not_given\(\)$', '(all)')) ORDER BY a.place)
            FROM unnest(coalesce(p.proallargtypes, p.proargtypes::oid[]), p.proargnames, p.proargmodes)
                WITH ORDINALITY AS a (type, name, mode, place)
            WHERE coalesce(a.mode, 'i') IN ('i', 'b', 'v')) AS arguments,
           (SELECT string_agg(format('`%s` %s', a.name, pg_temp.type_name(a.type)), ', ' ORDER BY a.place)
            FROM unnest(p.proallargtypes, p.proargnames, p.proargmodes) WITH ORDINALITY AS a (type, name, mode, place)
            WHERE a.mode IN ('t', 'o')) AS columns
    FROM pg_proc AS p
        JOIN member AS m USING (oid)
        JOIN pg_type AS t ON t.oid = p.prorettype
        LEFT JOIN level AS l ON l.oid = p.oid
        LEFT JOIN remark AS r ON r.name = p.proname,
        LATERAL coalesce(obj_description(p.oid, 'pg_proc'), '') AS c (comment)
    WHERE p.proname LIKE 'hms\_%'
)
SELECT d.oid, d.name, d.area, d.place, d.row_type,
       -- the first sentence is left out unless it names an SQLSTATE or says much more than the COMMENT
       CASE WHEN d.first ~ '\([0-9A-Z]{5}\)' OR length(d.first) > length(d.comment) + 40 THEN d.body
           ELSE btrim(substr(d.body, length(d.first) + 1)) END AS more,
       pg_temp.sentence(d.comment) AS comment,
       CASE WHEN length(one_line) <= 100 OR cardinality(d.arguments) < 2 THEN one_line
           ELSE format(E'%s(\n    %s\n)%s', d.call, array_to_string(d.arguments, E',\n    '), d.result)
       END AS signature,
       concat_ws(E'\n',
           '- Request: ' || (SELECT string_agg('`' || m[1] || '`', ', ')
               FROM regexp_matches(d.requests, '(?:GET|POST|DELETE) /[^\s,;]*[^\s,;.]', 'g') AS m),
           '- Columns: ' || coalesce(d.columns, '[' || d.row_type || '](#row-type-' || d.row_type || ')'),
           '- For whom: ' || CASE WHEN d.open THEN 'everybody' WHEN d.level IS NULL THEN 'the owner'
               ELSE 'level `' || d.level || '`' END
               || CASE d.provolatile WHEN 's' THEN '; STABLE' WHEN 'i' THEN '; IMMUTABLE' ELSE '; VOLATILE' END,
           '- Errors: ' || nullif(concat_ws('; ', CASE WHEN d.asks AND d.name <> 'hms_check'
               THEN format('those of [%s](#errors)', CASE d.provolatile WHEN 's' THEN 'reads' ELSE 'writes' END) END,
               d.errors), '')) AS facts
FROM described AS d,
    LATERAL (SELECT format('%s(%s)%s', d.call, array_to_string(d.arguments, ', '), d.result)) AS s (one_line);

DO $$ BEGIN ASSERT NOT EXISTS (SELECT FROM function WHERE area IS NULL), 'a function is not in the SQL file'; END $$;

-- The document.
SELECT format('# Reference

Every function, row type and setting of hms %s. `script/reference` writes this page from the catalog; change the
`COMMENT`s and comments in `hms--%1$s.sql` instead of it.

Who may call what: `hms_grant(role, level)` grants the functions of a level, `tokens`, `read`, `write` or `all` of them.
STABLE functions read, and work in read-only transactions and on standbys; VOLATILE ones change something, or answer
differently each time. `SETOF` rows come as the query asks for them, page by page.

## Errors

| SQLSTATE | | reads | writes |
|---|---|---|---|
| `MS` + HTTP status | the API refused: `MS400`, `MS404`, `MS429`, …; DETAIL has method, path and the API''s details. Where a function fetches by id, a 404 of the API is no row | yes | yes |
| `08001` | no connection | yes | yes |
| `08006` | connection lost, or `hms.timeout` passed; a write may have been carried out | yes | yes |
| `08P01` | the answer is not what the API promises | yes | yes |
| `22004`, `22023` | an argument is missing or wrong; nothing was sent | yes | yes |
| `25006` | the transaction is read-only; nothing was sent | | yes |
| `42501` | no EXECUTE on the function | yes | yes |
| `55000` | `hms.access_key` or the secret is not set | yes | yes |
| `57014` | cancelled, or `statement_timeout` passed | yes | yes |

## Functions
', extversion)
FROM pg_extension WHERE extname = 'hms';

SELECT format('- %s: %s', split_part(s.title, ':', 1), string_agg(format('[%s](#%1$s)', f.name), ', ' ORDER BY f.place))
FROM section AS s JOIN (SELECT DISTINCT name, area, place FROM function) AS f ON f.area = s.place
GROUP BY s.place, s.title ORDER BY s.place;

SELECT CASE WHEN row_number() OVER (PARTITION BY s.place ORDER BY f.place) = 1
           THEN format(E'\n## %s\n', split_part(s.title, ':', 1)) || coalesce(
               E'\n' || pg_temp.sentence(nullif(btrim(split_part(s.title, ':', 2)), '')) || E'\n', '')
           ELSE '' END
    || format(E'\n### %s\n\n```\n%s\n```\n\n%s\n\n%s', f.name, f.signatures,
           concat_ws(E'\n\n', f.comments, nullif(f.more, '')),
           f.facts || (SELECT format(E'\n- Example: `%s;`', x.example) FROM hms_internal.examples() AS x WHERE x.function = f.name))
FROM (
    SELECT name, area, place, (array_agg(more ORDER BY oid))[1] AS more, string_agg(signature, E'\n\n' ORDER BY oid) AS signatures,
           string_agg(comment, ' ' ORDER BY oid) AS comments, (array_agg(facts ORDER BY oid))[1] AS facts
    FROM function GROUP BY name, area, place) AS f
    JOIN section AS s ON s.place = f.area
ORDER BY f.area, f.place;

SELECT E'\n## Row types\n\nThe last column of each, `extra`, has as `jsonb` the members that no other column names.';

SELECT format(E'\n### Row type %s\n\n%s\n\n%s| column | type |\n|---|---|\n%s', t.typname,
           pg_temp.sentence(obj_description(t.oid, 'pg_type')),
           (SELECT E'From ' || string_agg(format('[%s](#%1$s)', f.name), ', ' ORDER BY f.area, f.place) || E'.\n\n'
            FROM (SELECT DISTINCT name, area, place FROM function WHERE row_type = t.typname) AS f),
           (SELECT string_agg(format('| `%s` | %s |', a.attname, pg_temp.type_name(a.atttypid)), E'\n' ORDER BY a.attnum)
            FROM pg_attribute AS a WHERE a.attrelid = t.typrelid AND a.attnum > 0 AND NOT a.attisdropped))
FROM pg_depend AS d
    JOIN pg_extension AS e ON d.refclassid = 'pg_extension'::regclass AND d.refobjid = e.oid AND e.extname = 'hms'
    JOIN pg_type AS t ON d.classid = 'pg_type'::regclass AND d.objid = t.oid
WHERE t.typtype = 'c' AND t.typname LIKE 'hms\_%'
ORDER BY t.oid;

SELECT E'\n## Settings\n\n| name | default | least … most | who sets it | |\n|---|---|---|---|---|';

SELECT format('| `%s` | %s | %s | %s | %s |', s.name,
           CASE s.unit WHEN 'ms' THEN s.boot_val::integer / 1000 || ' s' WHEN 'kB' THEN pg_size_pretty(s.boot_val::bigint * 1024)
               ELSE coalesce('`' || nullif(s.boot_val, '') || '`', '') || coalesce(' ' || s.unit, '') END,
           CASE s.unit WHEN 'kB' THEN pg_size_pretty(s.min_val::bigint * 1024) || ' … ' || pg_size_pretty(s.max_val::bigint * 1024)
               ELSE s.min_val || coalesce(' ' || s.unit, '') || CASE s.max_val WHEN '2147483647' THEN '' ELSE ' … ' || s.max_val END END,
           CASE s.context WHEN 'user' THEN 'anybody' ELSE s.context END, concat_ws(' ', s.short_desc, s.extra_desc))
FROM pg_settings AS s WHERE s.name LIKE 'hms.%' ORDER BY s.name;
COMMIT;
