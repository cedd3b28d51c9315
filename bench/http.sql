-- The peer of the benchmarks: a PL/pgSQL loop over pgsql-http, as its users write it.
CREATE EXTENSION IF NOT EXISTS http;
CREATE OR REPLACE FUNCTION by_hand(url text, rows_member text, cursor_member text) RETURNS SETOF jsonb
LANGUAGE plpgsql AS $$
DECLARE
	page jsonb;
	start text := '';
BEGIN
	PERFORM http_set_curlopt('CURLOPT_TCP_KEEPALIVE', '1');
	LOOP
		page := (http_get(url || '&limit=100' || CASE WHEN start <> '' THEN '&start=' || start ELSE '' END)).content::jsonb;
		RETURN QUERY SELECT jsonb_array_elements(page -> rows_member);
		start := page ->> cursor_member;
		EXIT WHEN start = '';
	END LOOP;
END;
$$;
