-- Tokens: claims, times, and what is refused.
SET hms.access_key = 'key';
SET hms.secret_file = '';
SET hms.secret = 'a secret';

-- every claim of an auth token
SELECT jsonb_object_agg(k, v ORDER BY k) - '{iat,nbf,exp,jti}'::text[] AS claims
FROM jsonb_each(hms_verify_token(hms_auth_token('65a0000790c192cfd3ac94af', 'host', 'user'))) c (k, v);
SELECT string_agg(k, ' ' ORDER BY k) AS claims
FROM jsonb_object_keys(hms_verify_token(hms_auth_token('65a0000790c192cfd3ac94af', 'host'))) k;
SELECT string_agg(k, ' ' ORDER BY k) AS claims
FROM jsonb_object_keys(hms_verify_token(hms_auth_token('65a0000790c192cfd3ac94af', 'host', ''))) k;

-- and of a management token
SELECT jsonb_object_agg(k, v ORDER BY k) - '{iat,nbf,exp,jti}'::text[] AS claims
FROM jsonb_each(hms_verify_token(hms_management_token())) c (k, v);

-- the header
SELECT convert_from(decode(rpad(translate(split_part(hms_auth_token('65a0000790c192cfd3ac94af', 'host'), '.', 1), '-_', '+/'), 36, '='), 'base64'), 'UTF8')::jsonb;

-- times
SELECT (c ->> 'nbf')::bigint = (c ->> 'iat')::bigint AS nbf_is_iat,
	(c ->> 'exp')::bigint - (c ->> 'nbf')::bigint AS life,
	extract(epoch FROM now())::bigint - (c ->> 'iat')::bigint BETWEEN 9 AND 12 AS iat_lies_back
FROM hms_verify_token(hms_auth_token('65a0000790c192cfd3ac94af', 'host')) c;
SELECT (c ->> 'exp')::bigint - (c ->> 'nbf')::bigint AS life
FROM hms_verify_token(hms_auth_token('65a0000790c192cfd3ac94af', 'host', valid_for => '90 days')) c;
SELECT hms_auth_token('65a0000790c192cfd3ac94af', 'host', not_before => '2020-01-02 00:00:00.9Z',
	issued_at => '2020-01-01Z', valid_for => '90.5 s') AS token \gset
SELECT to_timestamp((c ->> 'iat')::bigint) AT TIME ZONE 'UTC' AS iat,
	to_timestamp((c ->> 'nbf')::bigint) AT TIME ZONE 'UTC' AS nbf,
	(c ->> 'exp')::bigint - (c ->> 'nbf')::bigint AS life
FROM (SELECT translate(split_part(:'token', '.', 2), '-_', '+/') AS text) t,
	LATERAL convert_from(decode(rpad(text, (length(text) + 3) / 4 * 4, '='), 'base64'), 'UTF8') d,
	LATERAL CAST(d AS jsonb) c;

-- past the end of 32 bits
SELECT convert_from(decode(rpad(text, (length(text) + 3) / 4 * 4, '='), 'base64'), 'UTF8')::jsonb - '{jti,version,type,access_key}'::text[] AS claims
FROM translate(split_part(hms_auth_token('65a0000790c192cfd3ac94af', 'host', not_before => '2039-01-01Z', issued_at => '2038-12-31Z', valid_for => '1 day'), '.', 2), '-_', '+/') AS text;

-- jti is a version 4 UUID, another one each time
SELECT count(DISTINCT j) AS different,
	bool_and(j ~ '^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$') AS v4
FROM (SELECT hms_verify_token(hms_auth_token('65a0000790c192cfd3ac94af', 'host')) ->> 'jti' AS j
	FROM generate_series(1, 100)) s;

-- text of any kind goes in as it is
SELECT hms_verify_token(hms_auth_token('room "1"', 'hôst\', '林/ü')) - '{iat,nbf,exp,jti}'::text[] AS claims;

-- refused
\set VERBOSITY sqlstate
SELECT hms_auth_token(NULL, 'host');
SELECT hms_auth_token('65a0000790c192cfd3ac94af', NULL);
SELECT hms_auth_token('', 'host');
SELECT hms_auth_token('65a0000790c192cfd3ac94af', 'host', NULL);
SELECT hms_auth_token('65a0000790c192cfd3ac94af', 'host', user_id => NULL, valid_for => '1 hour');
SELECT hms_auth_token('65a0000790c192cfd3ac94af', 'host', (SELECT name FROM hms_rooms() WHERE false));
SELECT hms_auth_token('65a0000790c192cfd3ac94af', '');
SELECT hms_auth_token('65a0000790c192cfd3ac94af', 'host', valid_for => NULL);
SELECT hms_auth_token('65a0000790c192cfd3ac94af', 'host', valid_for => '0');
SELECT hms_auth_token('65a0000790c192cfd3ac94af', 'host', valid_for => '0.9 s');
SELECT hms_auth_token('65a0000790c192cfd3ac94af', 'host', valid_for => '-1 day');
SELECT hms_auth_token('65a0000790c192cfd3ac94af', 'host', valid_for => '90 days 1 second');
SELECT hms_auth_token('65a0000790c192cfd3ac94af', 'host', not_before => 'infinity');
SELECT hms_management_token(valid_for => '91 days');
SELECT hms_management_token(issued_at => '-infinity');
\set VERBOSITY default
SELECT hms_auth_token('65a0000790c192cfd3ac94af', 'host', valid_for => '1 year');

-- what looks like a name is signed with a warning, one a statement
SELECT count(hms_auth_token(r, 'host')) FROM unnest(ARRAY['math-101', 'room', 'Room 5', '65A0000790C192CFD3AC94AF', 'a1b2']) r;
SELECT count(hms_auth_token(r, 'host')) FROM unnest(ARRAY['65a0000790c192cfd3ac94af', '65a0000790c192cfd3ac94afg']) r;

-- verified: signature, key and times
SELECT hms_verify_token(NULL) IS NULL AS null_is_null;
SELECT hms_verify_token('');
SELECT hms_verify_token('a.b.c');
SELECT hms_verify_token(hms_auth_token('65a0000790c192cfd3ac94af', 'host') || 'x');
SELECT hms_verify_token(hms_auth_token('65a0000790c192cfd3ac94af', 'host', issued_at => now() - interval '2 days'));
SELECT hms_verify_token(hms_auth_token('65a0000790c192cfd3ac94af', 'host', not_before => now() + interval '1 hour'));
SELECT hms_management_token() AS token \gset
SET hms.access_key = 'another key';
SELECT hms_verify_token(:'token');
SET hms.access_key = 'key';
SET hms.secret = 'another secret';
SELECT hms_verify_token(:'token');
-- {"alg":"none"}
SELECT hms_verify_token('eyJhbGciOiJub25lIn0.eyJhY2Nlc3Nfa2V5Ijoia2V5IiwiZXhwIjo5OTk5OTk5OTk5fQ.');
RESET hms.secret;
RESET hms.secret_file;
RESET hms.access_key;
