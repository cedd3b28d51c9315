-- What is refused before anything is sent.
SELECT requests AS before FROM hms_stats() \gset
\set VERBOSITY terse

-- nothing may be empty or missing in a path
SELECT * FROM hms_room('');
SELECT * FROM hms_room('.');
SELECT * FROM hms_room('..');
SELECT * FROM hms_session('');
SELECT * FROM hms_active_peer('room', '..');
SELECT hms_create_room_code('room', '');
SELECT hms_enable_room(NULL);

-- a filter that is empty would be no filter
SELECT * FROM hms_sessions('');
SELECT * FROM hms_sessions(ARRAY['a', '']);
SELECT * FROM hms_rooms(name => '');
SELECT * FROM hms_track_events('room', type => '{}');
SELECT * FROM hms_track_events('room', type => ARRAY['a', NULL]);
SELECT * FROM hms_sessions(after => 'infinity');
SELECT * FROM hms_sessions(before => '0044-03-15 BC');

-- an id that is null names nothing, and one that is left out does not filter
SELECT count(*) FROM hms_room(NULL);
SELECT count(*) FROM hms_rooms(NULL);
SELECT count(*) FROM hms_rooms(template_id => NULL);
SELECT count(*) FROM hms_session(NULL);
SELECT count(*) FROM hms_sessions(NULL::text);
SELECT count(*) FROM hms_sessions(NULL::text[]);
SELECT count(*) FROM hms_session_peers(NULL::text);
SELECT count(*) FROM hms_active_session(NULL);
SELECT count(*) FROM hms_active_room(NULL);
SELECT count(*) FROM hms_active_peers(NULL);
SELECT count(*) FROM hms_active_peers('room', user_id => NULL);
SELECT count(*) FROM hms_active_peers('room', role => NULL);
SELECT count(*) FROM hms_active_peer('room', NULL);
SELECT count(*) FROM hms_track_events(NULL::text);
SELECT count(*) FROM hms_track_events('room', session_id => NULL);
SELECT count(*) FROM hms_track_events('room', peer_id => NULL);
SELECT count(*) FROM hms_track_events('room', user_id => NULL);
SELECT count(*) FROM hms_track_events(ARRAY['room'], user_id => NULL);
SELECT count(*) FROM hms_recording_events('room', beam_id => NULL);
SELECT count(*) FROM hms_error_events('room', peer_id => NULL);
SELECT count(*) FROM hms_analytics_events('room', beam_id => NULL);
SELECT count(*) FROM hms_peer_quality_stats(NULL, 'peer');
SELECT count(*) FROM hms_webhook_events(NULL::text);
SELECT count(*) FROM hms_room_codes('room', role => NULL);
SELECT count(*) FROM hms_live_streams(session_id => NULL);
SELECT count(*) FROM hms_recordings(NULL::text);
SELECT count(*) FROM hms_recording_assets(session_id => NULL);
SELECT count(*) FROM hms_external_streams(NULL::text, NULL);
SELECT count(*) FROM hms_legacy_sessions(id => NULL);
SELECT count(*) FROM hms_legacy_templates(name => NULL);
SELECT count(*) FROM hms_sessions((SELECT id FROM hms_rooms('x') WHERE false));
SELECT hms_send_message('room', 'hello', peer_id => NULL);
SELECT hms_send_message('room', 'hello', peer_id => NULL, role => 'teacher');
SELECT hms_remove_peers('room', peer_id => 'peer', role => NULL);
SELECT hms_replay_webhook_events(now(), now(), room_id => NULL);
SELECT hms_send_dtmf('room', 'host', '{1}', user_id => NULL);
SELECT hms_start_sip_outbound_call('x', 'code', 'trunk', user_id => NULL);
SELECT hms_legacy_update_template('{}', id => NULL, name => 'x');
SELECT * FROM hms_sessions('', after => NULL);

-- everybody has to be meant
\set VERBOSITY default
SELECT hms_send_message('room', 'hello');
SELECT hms_remove_peers('room');
\set VERBOSITY terse
SELECT hms_send_message('room', 'hello', peer_id => '');
SELECT hms_send_message('room', NULL, peer_id => 'peer');
SELECT hms_broadcast_message('room', '');
SELECT hms_remove_peers('room', role => '');

-- bodies
SELECT hms_create_room('[]');
SELECT hms_create_room('"name"');
SELECT hms_create_room('{"webhook": {}}');
SELECT hms_create_room('{"webhook": {"url": ""}}');
SELECT hms_create_room('{"recording_info": {"upload_info": {"type": "s3"}}}');
SELECT hms_create_room('{"recording_info": {"upload_info": {"type": "s3", "location": "b", "credentials": {"key": "k"}}}}');
SELECT hms_update_room('room', NULL);
SELECT hms_update_room('room', '1');

-- a path can't leave the API
SELECT hms_api_get('rooms//x');
SELECT hms_api_get('../rooms');
SELECT hms_api_get('http://example.com/');
SELECT hms_api_get('');
SELECT hms_api_get(NULL);
SELECT hms_api_get('//example.com/');
SELECT hms_api_get('/rooms/../../admin');
SELECT hms_api_get('/rooms/./x');
SELECT hms_api_get('/rooms/%2e%2e/x');
SELECT hms_api_get('/rooms/%2E./x');
SELECT hms_api_get('/rooms/a%2f..%2fb');
SELECT hms_api_get('/rooms/a%5c..');
SELECT hms_api_get('/rooms/%0d%0aHost:x');
SELECT hms_api_get(E'/rooms/\r\nx');
SELECT hms_api_get('/rooms/%zz');
SELECT hms_api_get('/rooms/%');
SELECT hms_api_get('/rooms?limit=1');
SELECT hms_api_get('/rooms#x');
SELECT hms_api_get('/rooms//x');
SELECT hms_api_get('/rooms/');
SELECT hms_api_get('/rooms\x');
SELECT hms_api_get('/rooms', '[]');
SELECT hms_api_get('/rooms', '{"a": {"b": 1}}');
SELECT hms_api_get('/rooms', '{"a": [[1]]}');
SELECT hms_api_list('/rooms', '{"start": "x"}');
SELECT hms_api_post('/rooms', '[]');

-- the inner functions take what they are given as it should be
SELECT hms_internal._hms_rows(NULL::hms_room, 'no such endpoint', 'a'::text);
SELECT hms_internal._hms_rows(NULL::hms_room, NULL, 'a'::text);
SELECT hms_internal._hms_rows(NULL::hms_room, 'hms_sessions', 'a'::text);
SELECT hms_internal._hms_rows(NULL::hms_room, 'hms_room', 'a'::text, 'b'::text);
SELECT hms_internal._hms_rows(NULL::hms_room, 'hms_room', 1.5);
SELECT hms_internal._hms_rows(NULL::hms_room, 'hms_room', VARIADIC ARRAY['a']);
SELECT hms_internal._hms_rows(NULL::integer, 'hms_session', 'a'::text);
SELECT hms_internal._hms_rows(NULL::pg_class, 'hms_session', 'a'::text);

SELECT requests - :before AS requests_sent FROM hms_stats();
