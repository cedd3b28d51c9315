-- Tokens of every generation of libjwt are verified by the one that is there; secrets of any length; times past 2038.
SET hms.access_key = 'key';
SET hms.secret_file = '';
SET timezone = 'UTC';

-- What is wrong with a token, for a secret: when it is valid is looked at after the signature and the key.
CREATE FUNCTION pg_temp.fault(secret text, token text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  fault text;
BEGIN
  PERFORM set_config('hms.secret', secret, false);
  PERFORM hms_verify_token(token);
  RETURN 'nothing';
EXCEPTION WHEN SQLSTATE '28000' THEN
  GET STACKED DIAGNOSTICS fault = PG_EXCEPTION_DETAIL;
  RETURN fault;
END
$$;

-- made by libjwt 1.10.2 and by 3.3.3: good for a day in 2100, and in the first quarter of 2026
CREATE TEMP TABLE made (by_libjwt int, secret text, token text);
INSERT INTO made VALUES
  (1, 'secret',
   'eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJhY2Nlc3Nfa2V5Ijoia2V5IiwiZXhwIjo0MTAyNTMxMjAwLCJpYXQiOjQxMDI0NDQ4MDAsImp0aSI6ImE2MGRmMTkyLTdlNjItNDQ2NC05MDI5LTI0MmZjOGMxY2ExZiIsIm5iZiI6NDEwMjQ0NDgwMCwicm9sZSI6Imhvc3QiLCJyb29tX2lkIjoicm9vbSIsInR5cGUiOiJhcHAiLCJ1c2VyX2lkIjoia8OkdGhlIiwidmVyc2lvbiI6Mn0.TEquaqlbe95g-Y4srr4LqFk7Sw32TI48FSxkOqsIhzw'),
  (1, repeat('0123456789abcdef', 4),
   'eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJhY2Nlc3Nfa2V5Ijoia2V5IiwiZXhwIjoxNzc1MDAxNjAwLCJpYXQiOjE3NjcyMjU2MDAsImp0aSI6IjhlNDVkN2ZlLWRhNzctNGMxOC1iOTMzLWYwNTM5MjM0MjU2OSIsIm5iZiI6MTc2NzIyNTYwMCwicm9sZSI6Imhvc3QiLCJyb29tX2lkIjoicm9vbSIsInR5cGUiOiJhcHAiLCJ1c2VyX2lkIjoia8OkdGhlIiwidmVyc2lvbiI6Mn0.TghI_m4xY-lrNMOOFmDs1Ff-QUq7lSQdtctQr67CloI'),
  (1, repeat('0123456789abcdef', 6),
   'eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJhY2Nlc3Nfa2V5Ijoia2V5IiwiZXhwIjoxNzc1MDAxNjAwLCJpYXQiOjE3NjcyMjU2MDAsImp0aSI6Ijg5MjUxZWVkLWRjYmItNDljYy1hODdiLWJmYjkwYTJkMGM3NSIsIm5iZiI6MTc2NzIyNTYwMCwidHlwZSI6Im1hbmFnZW1lbnQiLCJ2ZXJzaW9uIjoyfQ.hFkwXYyttWtzhLSDhUnUD4aDLV3l7RaRM9SNnyq0Y9U'),
  (3, 'secret',
   'eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJhY2Nlc3Nfa2V5Ijoia2V5IiwiZXhwIjo0MTAyNTMxMjAwLCJpYXQiOjQxMDI0NDQ4MDAsImp0aSI6ImQzMjc1YzdhLWRiMTctNGQ4Ny1hMWNiLTM2Mzc3ZTBkOGFlOCIsIm5iZiI6NDEwMjQ0NDgwMCwicm9sZSI6Imhvc3QiLCJyb29tX2lkIjoicm9vbSIsInR5cGUiOiJhcHAiLCJ1c2VyX2lkIjoia8OkdGhlIiwidmVyc2lvbiI6Mn0.Lc835_QVSZCQ07fprpEorOFf-yN4AGK1yh4HrRf7qug'),
  (3, repeat('0123456789abcdef', 4),
   'eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJhY2Nlc3Nfa2V5Ijoia2V5IiwiZXhwIjoxNzc1MDAxNjAwLCJpYXQiOjE3NjcyMjU2MDAsImp0aSI6Ijk3YjBkNzVmLTkwOGUtNDI2ZS1hNmM2LWNjNGFjZGZkZjhkMSIsIm5iZiI6MTc2NzIyNTYwMCwicm9sZSI6Imhvc3QiLCJyb29tX2lkIjoicm9vbSIsInR5cGUiOiJhcHAiLCJ1c2VyX2lkIjoia8OkdGhlIiwidmVyc2lvbiI6Mn0.d-P0lEQG6lJjbH-wiFayHckDv_78ytcs2Xc6c7J4kdI'),
  (3, repeat('0123456789abcdef', 6),
   'eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJhY2Nlc3Nfa2V5Ijoia2V5IiwiZXhwIjoxNzc1MDAxNjAwLCJpYXQiOjE3NjcyMjU2MDAsImp0aSI6IjRiNjA0OGM0LWI5YmMtNGE3Mi05OWE4LTZiMzhkMTZkNjBkMyIsIm5iZiI6MTc2NzIyNTYwMCwidHlwZSI6Im1hbmFnZW1lbnQiLCJ2ZXJzaW9uIjoyfQ.cY97GwHG1AF1vrCnzmBdIyMeDBTpYyPYhFGFsfe1XX8');
SELECT by_libjwt, length(secret), pg_temp.fault(secret, token) FROM made ORDER BY by_libjwt, length(secret);

-- another secret, a changed signature, a changed claim
SELECT DISTINCT pg_temp.fault(secret || 'x', token) FROM made;
SELECT DISTINCT pg_temp.fault(secret, left(token, -5) || CASE substr(token, length(token) - 4, 1) WHEN 'A' THEN 'B' ELSE 'A' END || right(token, 4)) FROM made;
SELECT DISTINCT pg_temp.fault(secret, overlay(token PLACING 'f' FROM strpos(token, '.') + 1 FOR 1)) FROM made;

-- a token of the one that is there
SET hms.secret = 'secret';
SELECT hms_auth_token('65a0000790c192cfd3ac94af', 'host', 'k' || chr(228) || 'the', issued_at => '2100-01-01', not_before => '2100-01-01') AS token,
       hms_auth_token('65a0000790c192cfd3ac94af', 'host', 'k' || chr(228) || 'the') AS now \gset
SELECT pg_temp.fault('secret', :'token') AS fault,
       convert_from(decode(rpad(translate(claims, '-_', '+/'), (length(claims) + 3) / 4 * 4, '='), 'base64'), 'UTF8')::jsonb - 'jti' AS claims
FROM split_part(:'token', '.', 2) AS claims;
SELECT pg_temp.fault('secret', :'now') AS fault, hms_verify_token(:'now') ->> 'user_id' = 'k' || chr(228) || 'the' AS same;
