-- What compose.yaml's database begins with: the extension, a mirror that pg_cron keeps, and views for PostgREST.
CREATE EXTENSION pg_cron;
CREATE EXTENSION hms;
CREATE SCHEMA video;
SELECT hms_create_mirror('video');
SELECT cron.schedule('100ms', '* * * * *', $$CALL hms_sync('video')$$);

CREATE ROLE web LOGIN;
CREATE SCHEMA web;
GRANT USAGE ON SCHEMA video, web TO web; -- the mirror's views look as whoever asks
GRANT SELECT ON ALL TABLES IN SCHEMA video TO web;
CREATE VIEW web.rooms AS SELECT id, name, enabled, created_at FROM video.rooms;
CREATE VIEW web.attendance AS SELECT session_id, name, joins, present_minutes, share, inside FROM video.attendance;
GRANT SELECT ON ALL TABLES IN SCHEMA web TO web;
