-- The settings: what they accept, and who sees what.
CREATE EXTENSION hms;
\set VERBOSITY terse

-- base URLs: https, or http to this machine
SET hms.api_url = 'https://api.example.com';
SET hms.api_url = 'https://api.example.com:8443/v2';
SET hms.api_url = 'http://localhost:8080/v2';
SET hms.api_url = 'http://127.0.0.1/v2';
SET hms.api_url = 'http://127.255.0.3:1/v2';
SET hms.api_url = 'http://[::1]:8080/v2';
\set VERBOSITY default
SET hms.api_url = 'http://api.example.com/v2';
\set VERBOSITY terse
SET hms.api_url = 'http://127.0.0.1.example.com/v2';
SET hms.api_url = 'http://127.0.0.256/v2';
SET hms.api_url = 'http://127.1/v2';
SET hms.api_url = 'http://2130706433/v2';
SET hms.api_url = 'http://[::ffff:127.0.0.1]/v2';
SET hms.api_url = 'http://localhost.example.com/';
SET hms.api_url = 'http://localhost@example.com/';
SET hms.api_url = 'https://user:password@api.example.com/';
SET hms.api_url = 'https://api.example.com/v2?a=b';
SET hms.api_url = 'https://api.example.com/v2#a';
SET hms.api_url = 'https://api.example.com/v2/../v3';
SET hms.api_url = 'https://api.example.com//v2';
SET hms.api_url = 'https://api.example.com/%2e%2e';
SET hms.api_url = 'https://api.example.com:0/';
SET hms.api_url = 'https://api.example.com:65536/';
SET hms.api_url = 'https://api.example.com:/';
SET hms.api_url = 'https://';
SET hms.api_url = 'HTTPS://api.example.com';
SET hms.api_url = 'ftp://api.example.com';
SET hms.api_url = 'file:///etc/passwd';
SET hms.api_url = E'https://api.example.com/\r\nX: y';
SET hms.api_url = ' https://api.example.com';
SET hms.api_url = '';
SET hms.beam_url = 'http://beam.example.com/api';
SHOW hms.api_url;
RESET hms.api_url;

-- files are absolute
SET hms.secret_file = 'secret';
SET hms.ca_file = './ca.pem';

-- numbers have bounds, of which each version of PostgreSQL tells in its own words
\set VERBOSITY sqlstate
SET hms.page_size = 9;
SET hms.page_size = 101;
SET hms.max_connections = 0;
SET hms.max_connections = 65;
SET hms.retries = -1;
SET hms.connect_timeout = 0;
SET hms.timeout = '-1s';
SET hms.max_response_size = 0;
SET hms.page_sise = 10;
\set VERBOSITY terse
SET hms.timeout = '1min';
SHOW hms.timeout;
RESET hms.timeout;

-- the defaults, and what each may be set by
SELECT name, boot_val, unit, context
FROM pg_settings
WHERE name LIKE 'hms.%'
ORDER BY name;

-- an ordinary role sees and sets less
CREATE ROLE regress_hms_user;
SET ROLE regress_hms_user;
\set VERBOSITY sqlstate
SHOW hms.secret;
SHOW hms.access_key;
SHOW hms.secret_file;
SELECT current_setting('hms.secret', true);
\set VERBOSITY terse
SELECT name FROM pg_settings WHERE name IN ('hms.access_key', 'hms.secret', 'hms.secret_file');
SET hms.secret = 'x';
SET hms.access_key = 'x';
SET hms.api_url = 'https://example.com';
SET hms.ca_file = '/tmp/ca.pem';
SET hms.max_response_size = '1MB';
SET hms.page_size = 50;
SHOW hms.page_size;
RESET ROLE;
RESET hms.page_size;

-- a role can be given its own credentials without seeing those of others
GRANT SET ON PARAMETER hms.access_key, hms.secret TO regress_hms_user;
SET ROLE regress_hms_user;
SET hms.access_key = 'tenant';
SET hms.secret = 'tenant secret';
\set VERBOSITY sqlstate
SHOW hms.secret;
\set VERBOSITY terse
RESET hms.access_key;
RESET hms.secret;
RESET ROLE;
REVOKE SET ON PARAMETER hms.access_key, hms.secret FROM regress_hms_user;
DROP ROLE regress_hms_user;

-- what is missing is said
\set VERBOSITY default
SET hms.access_key = '';
SELECT hms_auth_token('65a0000790c192cfd3ac94af', 'host');
SELECT * FROM hms_rooms();
SET hms.access_key = 'key';
SET hms.secret_file = '';
SET hms.secret = '';
SELECT hms_auth_token('65a0000790c192cfd3ac94af', 'host');
SELECT * FROM hms_rooms();
SET hms.secret_file = '/nonexistent/secret';
SELECT hms_auth_token('65a0000790c192cfd3ac94af', 'host');
SET hms.secret_file = '/dev/null';
SELECT hms_auth_token('65a0000790c192cfd3ac94af', 'host');
SET hms.secret_file = '/etc/passwd';
SELECT hms_auth_token('65a0000790c192cfd3ac94af', 'host');
RESET hms.secret_file;
RESET hms.secret;
