-- What stands in for the library where none can be loaded: script/tle puts this where the first part of hms--1.0.sql
-- that calls the library was.

-- Text that no data has, made with the extension.
DO $do$
BEGIN
	EXECUTE format('CREATE FUNCTION hms_internal.not_given() RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE RETURN %L::text',
		gen_random_uuid());
END;
$do$;
COMMENT ON FUNCTION hms_internal.not_given() IS
'Internal: stands for an argument that is left out, unlike NULL';

-- One row made of an object, each column of the member of its name, the rest in
-- "extra"; a value that its column cannot hold stays there too, with a warning.
-- endpoint is NULL.
CREATE FUNCTION hms_internal._hms_rows_of("row" anyelement, endpoint text, value jsonb)
RETURNS SETOF anyelement
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE COST 100 ROWS 1
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	named text[];				-- its columns
	odd text[];					-- those that cannot hold what came
	taken jsonb;
	member text;
BEGIN
	IF value IS NULL THEN
		RETURN;
	ELSIF jsonb_typeof(value) <> 'object' OR endpoint IS NOT NULL THEN
		RAISE EXCEPTION 'no row can be made of the value' USING ERRCODE = 'invalid_parameter_value';
	END IF;
	-- '' and the zero time are none; and not all that PostgreSQL takes for a time is one
	SELECT coalesce(array_agg(c.name) FILTER (WHERE c.kind <> 'odd'), '{}'), coalesce(array_agg(c.name) FILTER (WHERE c.kind = 'odd'), '{}'),
		coalesce(jsonb_object_agg(c.name, value -> c.name) FILTER (WHERE c.kind = 'fits'), '{}')
	INTO named, odd, taken
	FROM (SELECT a.attname::text AS name, CASE
			WHEN a.atttypid <> 'timestamptz'::regtype OR value ->> a.attname::text IS NULL THEN 'fits'
			WHEN value ->> a.attname::text IN ('', '0001-01-01T00:00:00Z') THEN 'none'
			WHEN value ->> a.attname::text ~ '^\d{4}-\d\d-\d\dT' THEN 'fits' ELSE 'odd' END AS kind
		FROM pg_type AS t JOIN pg_attribute AS a ON a.attrelid = t.typrelid AND a.attnum > 0 AND NOT a.attisdropped
		WHERE t.oid = pg_typeof("row") AND a.attname <> 'extra') AS c;
	BEGIN
		PERFORM jsonb_populate_record("row", taken);
	EXCEPTION WHEN data_exception THEN
		FOR member IN SELECT jsonb_object_keys(taken) LOOP
			BEGIN
				PERFORM jsonb_populate_record("row", jsonb_build_object(member, taken -> member));
			EXCEPTION WHEN data_exception THEN
				odd := odd || member;
				named := array_remove(named, member);
				taken := taken - member;
			END;
		END LOOP;
	END;
	IF odd <> '{}' THEN
		RAISE WARNING 'these members are left in column "extra", for theirs cannot hold them: %', array_to_string(odd, ', ');
	END IF;
	RETURN QUERY SELECT r.* FROM jsonb_populate_record("row",
		taken || jsonb_build_object('extra', nullif(value - named, '{}'))) AS r;
END;
$$;
COMMENT ON FUNCTION hms_internal._hms_rows_of(anyelement, text, jsonb) IS
'Internal: a row made of an object';

CREATE FUNCTION hms_internal._hms_rows_of("row" anyelement, endpoint text, value text)
RETURNS SETOF anyelement
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE COST 100 ROWS 1
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	RETURN QUERY SELECT r.* FROM hms_internal._hms_rows_of("row", endpoint, value::jsonb) AS r;
END;
$$;
COMMENT ON FUNCTION hms_internal._hms_rows_of(anyelement, text, text) IS
'Internal: a row made of the text of an object';

-- What webhooks prove themselves by: a header with a secret value, or a signature
-- of the body by a key.  A setting would be anybody's to read and to set.
CREATE TABLE hms_internal.webhook_proof (
	is_here boolean PRIMARY KEY DEFAULT true CHECK (is_here),
	header text NOT NULL DEFAULT 'x-webhook-secret',
	secret text CHECK (secret <> ''),
	key text CHECK (key <> ''),
	CHECK (secret IS NOT NULL OR key IS NOT NULL));
REVOKE ALL ON TABLE hms_internal.webhook_proof FROM PUBLIC;
COMMENT ON TABLE hms_internal.webhook_proof IS
'What webhooks prove themselves by, for the owner to fill: the header with its secret value, the key of signatures';

-- The one header of this name in any case, a string or a list of one.
CREATE FUNCTION hms_internal.header_of(headers jsonb, name text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
	SELECT CASE count(*) WHEN 1 THEN max(CASE jsonb_typeof(h.value) WHEN 'string' THEN h.value #>> '{}'
		WHEN 'array' THEN CASE jsonb_array_length(h.value) WHEN 1 THEN h.value ->> 0 END END) END
	FROM jsonb_each(CASE jsonb_typeof(headers) WHEN 'object' THEN headers END) AS h
	WHERE lower(h.key) = lower(header_of.name);
END;
COMMENT ON FUNCTION hms_internal.header_of(jsonb, text) IS
'Internal: a header of a request';

-- HMAC-SHA256 (RFC 2104).
CREATE FUNCTION hms_internal.hmac_sha256(key bytea, body bytea) RETURNS bytea
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
BEGIN ATOMIC
	SELECT sha256(string_agg(set_byte('\x00', 0, get_byte(k.block, i) # 92), '' ORDER BY i)
		|| sha256(string_agg(set_byte('\x00', 0, get_byte(k.block, i) # 54), '' ORDER BY i) || body))
	FROM (SELECT s.key || decode(repeat('00', 64 - length(s.key)), 'hex') AS block
			FROM (SELECT CASE WHEN length(hmac_sha256.key) > 64 THEN sha256(hmac_sha256.key) ELSE hmac_sha256.key END AS key) AS s) AS k
		CROSS JOIN generate_series(0, 63) AS i;
END;
COMMENT ON FUNCTION hms_internal.hmac_sha256(bytea, bytea) IS
'Internal: the signature of a body';

-- Raise unless the webhook proves that it comes from 100ms.  It can be asked by
-- anybody and tells nothing; hashes are compared, so that the time taken does not.
CREATE FUNCTION hms_internal.check_webhook(headers jsonb, body text)
RETURNS boolean
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	proof hms_internal.webhook_proof;
	signature CONSTANT text := lower(hms_internal.header_of(headers, 'x-100ms-signature'));
	fault text;
BEGIN
	SELECT p.* INTO proof FROM hms_internal.webhook_proof AS p;
	IF proof.is_here IS NULL THEN
		RAISE EXCEPTION 'no proof of webhooks is set' USING ERRCODE = 'object_not_in_prerequisite_state',
			HINT = 'INSERT INTO hms_internal.webhook_proof: "secret", which 100ms sends in a header with each webhook, or "key", which they are signed with.';
	END IF;
	fault := CASE
		WHEN sha256(convert_to(hms_internal.header_of(headers, proof.header), 'UTF8')) IS DISTINCT FROM sha256(convert_to(proof.secret, 'UTF8'))
			AND proof.secret IS NOT NULL THEN 'It has not the header, with its value, that hms_internal.webhook_proof names.'
		WHEN signature IS NULL AND proof.key IS NOT NULL THEN 'It is not signed, and hms_internal.webhook_proof has a key.'
		WHEN signature IS NOT NULL AND sha256(convert_to(signature, 'UTF8')) IS DISTINCT FROM sha256(convert_to(
			encode(hms_internal.hmac_sha256(convert_to(proof.key, 'UTF8'), convert_to(body, 'UTF8')), 'hex'), 'UTF8'))
			THEN 'Its signature is not that of the body.' END;
	IF fault IS NOT NULL THEN
		RAISE EXCEPTION 'the webhook does not prove that it comes from 100ms'
			USING ERRCODE = 'invalid_authorization_specification', DETAIL = fault;
	END IF;
	RETURN true;
END;
$$;
COMMENT ON FUNCTION hms_internal.check_webhook(jsonb, text) IS
'Internal: raises unless a webhook''s headers prove where it comes from';

-- Whichever account a mirror has: webhook_proof is that of all.
CREATE FUNCTION hms_internal._hms_check_webhook(headers jsonb, body text, server text)
RETURNS boolean
LANGUAGE sql STABLE
BEGIN ATOMIC
	SELECT hms_internal.check_webhook(_hms_check_webhook.headers, _hms_check_webhook.body);
END;
COMMENT ON FUNCTION hms_internal._hms_check_webhook(jsonb, text, text) IS
'Internal: raises unless a webhook''s headers prove where it comes from';

-- Take a webhook of 100ms into a mirror: whether it is new.
CREATE FUNCTION @extschema@.hms_receive_webhook(schema name, event text, headers jsonb DEFAULT NULL, body text DEFAULT NULL)
RETURNS boolean
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	RETURN hms_internal.receive_webhook(schema, event, headers, body);
END;
$$;
COMMENT ON FUNCTION @extschema@.hms_receive_webhook(name, text, jsonb, text) IS
'Take a webhook of 100ms, given as text, into a mirror; true when it is new';
REVOKE ALL ON FUNCTION @extschema@.hms_receive_webhook(name, text, jsonb, text) FROM PUBLIC;

CREATE FUNCTION @extschema@.hms_receive_webhook(schema name, event jsonb, headers jsonb DEFAULT NULL, body text DEFAULT NULL)
RETURNS boolean
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	RETURN hms_internal.receive_webhook(schema, event::text, headers, body);
END;
$$;
COMMENT ON FUNCTION @extschema@.hms_receive_webhook(name, jsonb, jsonb, text) IS
'Take a webhook of 100ms into a mirror; true when it is new';
REVOKE ALL ON FUNCTION @extschema@.hms_receive_webhook(name, jsonb, jsonb, text) FROM PUBLIC;

