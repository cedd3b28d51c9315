-- The main job of hms, as script/demo shows it: a token, a room, sessions, track events, and reports that join them
-- with an application's own table. Nothing of it, its queries included, is wider than 80 columns.
\set ECHO none
SELECT room_id AS room, id AS session FROM hms_sessions(active => false) LIMIT 1 \gset
\if :{?session}
\else
\warn 'This account has had no session yet, so there is nothing to report on.'
\quit
\endif

\echo
\echo :bold'1. A token lets a user into a room. Nothing is sent for it.':plain
\set ECHO queries
WITH t AS MATERIALIZED (
  SELECT hms_auth_token(:'room', 'student', 'anna') AS token
)
SELECT left(token, 10) || '…' || right(token, 5) AS token, claim, value
FROM t, jsonb_each_text(hms_verify_token(token)) AS claims (claim, value);
\set ECHO none

\if :write
\echo :bold'2. A room is created.':plain
\set ECHO queries
SELECT right(id, 6) AS id, name, description, enabled, size
FROM hms_create_room(
  '{"name": "demo", "description": "made here", "size": 30}');
\else
\echo :bold'2. The newest rooms. (With --write, one is created.)':plain
\set ECHO queries
SELECT right(id, 6) AS id, left(name, 30) AS name, enabled, size
FROM hms_rooms() LIMIT 5;
\endif
\set ECHO none

\echo :bold'3. The last sessions of a room. LIMIT 5 asks for one page.':plain
\set ECHO queries
SELECT right(id, 6) AS id, active,
       to_char(created_at, 'Dy DD Mon HH24:MI') AS began,
       to_char(updated_at, 'HH24:MI') AS ended,
       (SELECT count(*) FROM jsonb_object_keys(peers)) AS peers
FROM hms_sessions(:'room', active => false)
LIMIT 5;
\set ECHO none

\echo :bold'4. What happened in the last one: its first track events.':plain
\set ECHO queries
SELECT to_char("timestamp", 'HH24:MI:SS') AS at, left(user_name, 14) AS name,
       type, track_type AS track, mute
FROM hms_track_events(:'room',
  session_id => :'session')
LIMIT 8;
\set ECHO none

\echo :bold'5. An application has a table of its own …':plain
\set ECHO queries
CREATE TABLE student AS
SELECT user_id, left(min(name), 14) AS name,
       CASE WHEN hashtext(user_id) < 0 THEN '10a' ELSE '10b' END AS class
FROM hms_session_peers(:'room')
WHERE role = 'student' AND user_id <> ''
GROUP BY user_id
ORDER BY count(DISTINCT session_id) DESC LIMIT 12;
\set ECHO none

\echo
\echo :bold'… and asks who was in the last session, for how long, and who was not.':plain
\set ECHO queries
SELECT s.class, s.name, a.joins, to_char(a.first_joined_at, 'HH24:MI') AS came,
       to_char(a.last_left_at, 'HH24:MI') AS went, a.present_minutes AS minutes,
       round(100 * a.share) || ' %' AS share
FROM student s
LEFT JOIN hms_attendance(:'room',
  session_id => :'session') a USING (user_id)
ORDER BY s.class, s.name;
\set ECHO none

\echo :bold'6. Whose microphone was on, and for how long?':plain
\set ECHO queries
SELECT s.name, s.class, date_trunc('second', t.on_time) AS on_time, t.switches,
       date_trunc('second', t.longest) AS longest
FROM hms_talk_time(:'room',
  session_id => :'session') t
JOIN student s USING (user_id)
WHERE t.track_type = 'audio'
ORDER BY t.on_time DESC LIMIT 5;
\set ECHO none

\echo :bold'7. How long were the sessions, and how many people were in at once?':plain
\set ECHO queries
SELECT to_char(started_at, 'Dy DD Mon') AS day,
       date_trunc('second', duration) AS length, users, joins,
       peak_peers AS peak, to_char(peak_at, 'HH24:MI') AS peak_at
FROM hms_session_usage(:'room',
  after => now() - interval '7 days')
ORDER BY started_at;
\set ECHO none

\echo :bold'8. What all of this has cost the API.':plain
\set ECHO queries
SELECT requests, retries, pages, rows, bytes,
       round(seconds_waited::numeric, 3) AS waited
FROM hms_stats();
\set ECHO none
