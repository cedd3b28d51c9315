# The mirror: its tables and views hold, row by row, what the functions return, after a first sync, growth, a live
# session, a month read again and every kind of interruption; an unchanged world costs a handful of requests.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use Hms;
use POSIX qw(strftime);
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep time);

my $api = Hms::Api->launch;
my $db  = Hms::Db->launch($api, restart_after_crash => 'on', jit => 'off');

my %table = (
	rooms            => 'hms_room',
	sessions         => 'hms_session',
	session_peers    => 'hms_session_peer',
	track_events     => 'hms_track_event',
	recordings       => 'hms_recording',
	recording_assets => 'hms_recording_asset',
	error_events     => 'hms_error_event',
	live_streams     => 'hms_live_stream',
	external_streams => 'hms_external_stream');
my %key = (
	rooms            => 'id',
	sessions         => 'room_id,id',
	session_peers    => 'room_id,session_id,id',
	track_events     => 'room_id,session_id,id,timestamp',
	recordings       => 'room_id,id',
	recording_assets => 'room_id,id',
	webhook_events   => 'room_id,id',
	error_events     => 'room_id,id',
	live_streams     => 'room_id,id',
	external_streams => 'room_id,id',
	transcripts      => 'room_id,asset_id,position',
	chat_messages    => 'room_id,asset_id,position',
	summaries        => 'room_id,asset_id,position',
	peer_quality     => 'room_id,session_id,peer_id,direction',
	sync_settings    => 'is_here',
	sync_marks       => 'what,room_id',
	sync_queue       => 'room_id,kind,id',
	sync_runs        => 'id');
my @views = qw(attendance session_usage talk_time);

# Where a relation of the mirror comes from.
sub source_of
{
	my ($what, $rooms) = @_;
	return "hms_$what($rooms)" if $what =~ /_events$/;
	return "hms_$what($rooms)" if $what eq 'talk_time';
	return 'hms_rooms()' if $what eq 'rooms';
	return "hms_$what()";
}

# Each table and view has the rows of its function, no more and no fewer.
sub is_mirrored
{
	my ($mirror, $name) = @_;
	my $rooms = $db->value("SELECT quote_literal(array_agg(id)) || '::text[]' FROM hms_rooms()");
	my @odd;
	foreach my $what (sort keys %table, @views)
	{
		my $columns = exists $table{$what} ? $db->value("SELECT string_agg(quote_ident(attname), ', ' ORDER BY attnum)"
			. " FROM pg_attribute WHERE attrelid = '$table{$what}'::regclass AND attnum > 0") : '*';
		my ($here, $there) = ("SELECT $columns FROM $mirror.$what", 'SELECT * FROM ' . source_of($what, $rooms));
		# what is open grows until now, which is one and the same in one statement
		my $counts = $db->value("WITH here AS MATERIALIZED ($here), there AS MATERIALIZED ($there)"
			. " SELECT (SELECT count(*) FROM (TABLE here EXCEPT ALL TABLE there) AS x) || ' too many, '"
			. " || (SELECT count(*) FROM (TABLE there EXCEPT ALL TABLE here) AS x) || ' missing of '"
			. " || (SELECT count(*) FROM there)"
			. " || coalesce(', for one ' || (SELECT x FROM (TABLE there EXCEPT ALL TABLE here) AS x LIMIT 1)::text, '')"
			. " || coalesce(', and not ' || (SELECT x FROM (TABLE here EXCEPT ALL TABLE there) AS x LIMIT 1)::text, '')");
		push @odd, "$what: $counts" unless $counts =~ /^0 too many, 0 missing of [1-9]/;
	}
	is_deeply(\@odd, [], "row by row what the functions return: $name");
	return;
}

# The last run of a mirror.
sub last_run
{
	my ($mirror) = @_;
	return $db->rows("SELECT * FROM $mirror.sync_runs ORDER BY id DESC LIMIT 1")->[0];
}

# Waits until a query prints true.
sub wait_for
{
	my ($what, $query) = @_;
	foreach (1 .. 600)
	{
		my ($code, $out) = eval { $db->run($query) }; # a server that starts may take psql's pipe with it
		return 1 if defined $code && $code == 0 && $out eq 't';
		sleep 0.05;
	}
	die "waited in vain for $what";
}

sub stamp { my ($ago) = @_; return strftime('%Y-%m-%dT%H:%M:%S.000Z', gmtime(time() - $ago)) }

# Makes a mirror, empty.
sub make_mirror
{
	my ($mirror) = @_;
	$db->value("CREATE SCHEMA $mirror; SELECT hms_create_mirror('$mirror')");
	return;
}

# What is made.
make_mirror('video');
{
	my %there = map { $_->{relname} => $_ } @{ $db->rows(
		"SELECT c.relname, c.relkind, obj_description(c.oid, 'pg_class') AS comment,"
		. " (SELECT string_agg(a.attname, ',' ORDER BY k.place) FROM pg_index i, unnest(i.indkey::int[]) WITH ORDINALITY AS k (attnum, place)"
		. " JOIN pg_attribute a ON a.attnum = k.attnum WHERE i.indrelid = c.oid AND i.indisprimary AND a.attrelid = c.oid) AS key,"
		. " (SELECT count(*) FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0 AND col_description(c.oid, a.attnum) IS NULL) AS bare"
		. " FROM pg_class c WHERE relnamespace = 'video'::regnamespace AND relkind IN ('r', 'p', 'v')") };
	is_deeply([ sort keys %there ], [ sort keys %key, @views, 'stays' ], 'the tables and views are there');
	is_deeply({ map { $_ => $there{$_}{key} } keys %key }, \%key, 'their keys begin with the room');
	is($there{track_events}{relkind}, 'p', 'track events are partitioned');
	is_deeply([ grep { !$there{$_}{comment} || $key{$_} && $there{$_}{bare} } sort keys %there ], [], 'each table, view and column of a table has a comment');
	is($db->value("SELECT count(*) FROM pg_depend d JOIN pg_class c ON c.oid = d.objid WHERE c.relnamespace = 'video'::regnamespace AND d.refclassid = 'pg_extension'::regclass"), 0,
		'none of them belongs to the extension');
	foreach my $view (@views)
	{
		my $columns = sub { $db->value("SELECT string_agg(attname || ' ' || format_type(atttypid, atttypmod), ', ' ORDER BY attnum) FROM pg_attribute WHERE attrelid = '$_[0]'::regclass") };
		$db->value("CREATE VIEW public.by_function AS SELECT * FROM hms_$view('r')");
		is($columns->("video.$view"), $columns->('public.by_function'), "view $view has the columns of hms_$view");
		$db->value('DROP VIEW public.by_function');
	}
	is($db->error("CREATE SCHEMA other; CREATE TABLE other.rooms (x int); SELECT hms_create_mirror('other')")->{state}, '42P07', 'a schema with other tables of these names is refused');
	is($db->error("SELECT hms_create_mirror('nowhere')")->{state}, '3F000', 'a schema that does not exist is refused');
	is($db->error("CALL hms_sync('other')")->{state}, '42P01', 'a sync where there is no mirror is refused');
	my $error;
	my @asked = $api->during(sub { $error = $db->error("BEGIN; CALL hms_sync('video'); COMMIT") });
	is("$error->{state} " . scalar @asked, '25001 0', 'a sync in a transaction block is refused before it asks for anything') or diag $error->{text};
	like($error->{hint}, qr/autocommit/, 'with a hint');
}

# A first sync, and an unchanged world.
my @first = $api->during(sub {
	my (undef, undef, $notice) = $db->run("CALL hms_sync('video')");
	like($notice, qr/NOTICE:.*hms_sync: done, 10 of 10 rooms, [1-9]\d* rows, [\d.]+ rows\/s/, 'a notice tells how far it is');
});
is_mirrored('video', 'a first sync');
{
	my $run = last_run('video');
	is($run->{state}, 'done', 'the run is done');
	is("$run->{rooms_done} of $run->{rooms_total}", '10 of 10', 'with the rooms that had something to read');
	cmp_ok($run->{row_count}, '>', 10_000, 'and counts its rows');
	is($db->value("SELECT count(*) FROM pg_inherits WHERE inhparent = 'video.track_events'::regclass") > 0, 1, 'the events lie in partitions');

	my $xmins = "SELECT md5(string_agg(x, ',' ORDER BY x)) FROM (SELECT xmin::text || ctid::text AS x FROM video.sessions UNION ALL SELECT xmin::text || ctid::text FROM video.session_peers UNION ALL SELECT xmin::text || ctid::text FROM video.rooms UNION ALL SELECT tableoid::text || xmin::text || ctid::text FROM video.track_events) AS x";
	my $before = $db->value($xmins);
	my @seen = $api->during(sub { $db->value("CALL hms_sync('video')") });
	cmp_ok(scalar @seen, '<=', 6, 'an unchanged world costs a handful of requests') or diag map { "$_->{path}?$_->{query}\n" } @seen;
	is($db->value($xmins), $before, 'and not a row is written');
	is(last_run('video')->{row_count}, 0, 'which the run says too');
}

# Growth: rooms, sessions that are over, a live session from its begin to its end, a room that changed.
{
	my ($live) = map { $_->{room_id} } @{ $api->world->{active} };
	$db->value(q{SELECT id FROM hms_create_room('{"name": "made-later"}')});
	$db->value("SELECT hms_update_room('$live', '{\"description\": \"changed\"}')");
	$api->add(
		sessions => [
			{ id => 'grown-1', room_id => 'grown', active => false, created_at => stamp(7200), updated_at => stamp(3600),
				peers => { p1 => { id => 'p1', session_id => 'grown-1', name => "O'Hara <b>", role => 'host', user_id => 'u1', joined_at => stamp(7100), left_at => stamp(3700) } } },
			{ id => 'grown-2', room_id => 'grown', active => true, created_at => stamp(600), updated_at => stamp(600), peers => {} } ]);
	$db->value("CALL hms_sync('video')");
	is_mirrored('video', 'growth and a session that has just begun');

	my %p2 = (id => 'p2', session_id => 'grown-2', name => 'Zoë', role => 'guest', user_id => 'u2', joined_at => stamp(500));
	my %session = (id => 'grown-2', room_id => 'grown', active => true, created_at => stamp(600), updated_at => stamp(600), peers => { p2 => \%p2 });
	my $event = sub {
		my ($id, $type, $ago, %more) = @_;
		return { version => '2.0', id => $id, type => "track.$type.success", timestamp => stamp($ago), data => { room_id => 'grown', session_id => 'grown-2', peer_id => 'p2', user_id => 'u2', track_id => 't1', type => 'audio', source => 'regular', mute => false, %more } };
	};
	$api->add(sessions => [ \%session ], events => [ $event->('ev1', 'add', 490) ]);
	$db->value("CALL hms_sync('video')");
	is_mirrored('video', 'a live session');

	$p2{left_at} = stamp(100);
	$api->add(sessions => [ { %session, active => false, updated_at => stamp(90) } ],
		events => [ $event->('ev2', 'update', 400, mute => true), $event->('ev3', 'remove', 100) ]);
	$db->value("CALL hms_sync('video')");
	is_mirrored('video', 'a session that has just ended');

	$api->add(events => [ $event->('ev4', 'update', 300) ]);
	$db->value("CALL hms_sync('video')");
	is_mirrored('video', 'an event that came late');

	is($db->value("SELECT count(*) FROM video.sync_queue WHERE kind = 'events' AND id = 'grown-2' AND ended_at IS NOT NULL"), 1, 'a session that has just ended waits in the queue');
	my $days = sub { my ($ended, $due) = @_; $db->value("UPDATE video.sync_queue SET ended_at = now() - interval '$ended', due_at = now(), read_at = now() - interval '1 hour' WHERE kind = 'events' AND id = 'grown-2'"); $db->value("CALL hms_sync('video')");
		return $db->value("SELECT coalesce(min(round(extract(epoch FROM due_at - ended_at) / 3600)), 0) FROM video.sync_queue WHERE kind = 'events' AND id = 'grown-2'") };
	is($days->('20 minutes'), 6, 'it is due again six hours after its end');
	is($days->('7 hours'), 24, 'and a day after it');
	is($days->('25 hours'), 0, 'and then leaves the queue');
}

# A session that is active for longer than a walk goes back is read by its id.
{
	my %long = (id => 'long-1', room_id => 'grown', active => true, created_at => stamp(3 * 86400), updated_at => stamp(3 * 86400), peers => {});
	$api->add(sessions => [ \%long ]);
	$db->value("CALL hms_sync('video', since => now() - interval '4 days')");
	is_mirrored('video', 'a session that is active for days');
	$api->add(sessions => [ { %long, active => false, updated_at => stamp(60) } ]);
	$db->value("CALL hms_sync('video')");
	is_mirrored('video', 'which has ended');
}

# A month read again.
{
	$db->value("DELETE FROM video.track_events WHERE type = 'track.update.success'; UPDATE video.session_peers SET role = 'x'; DELETE FROM video.session_peers WHERE left_at < now() - interval '3 days';"
		. " UPDATE video.sessions SET updated_at = now(); INSERT INTO video.session_peers SELECT (p).id || '-x', (p).session_id, (p).room_id, (p).user_id, (p).name, (p).role, (p).joined_at, (p).left_at, (p).extra, (p).synced_at FROM (SELECT p FROM video.session_peers AS p LIMIT 5) AS p");
	$db->value("CALL hms_sync('video', since => now() - interval '31 days')");
	is_mirrored('video', 'a month that was read again');
}

# Only some rooms; events later.
{
	my ($math, $other) = map { $_->{id} } grep { $_->{name} =~ /^(?:math|chem)/ } @{ $api->world->{rooms} };
	make_mirror('partly');
	$db->value("CALL hms_sync('partly', ARRAY['$math'], events => false)");
	is($db->value('SELECT count(*) FROM partly.track_events'), 0, 'events => false leaves the events for later');
	is($db->value("SELECT count(*) = (SELECT count(*) FROM hms_sessions('$math')) AND bool_and(room_id = '$math') FROM partly.sessions"), 't', 'a sync of one room reads that room');
	$db->value("CALL hms_sync('partly', ARRAY['$math'])");
	is($db->value("SELECT count(*) = (SELECT count(*) FROM hms_track_events('$math')) FROM partly.track_events"), 't', 'and its events come with a later run');
	$db->value("CALL hms_sync('partly')");
	is_mirrored('partly', 'all rooms after one');
	$db->value("CALL hms_sync('partly', ARRAY['$math', '$other'])");
	is_mirrored('partly', 'some rooms after all');
}

# A run over one room, days ago; then the first one over all, which is broken off before it comes to that room.
{
	my ($math) = map { $_->{id} } grep { $_->{name} =~ /^math/ } @{ $api->world->{rooms} };
	make_mirror('apart');
	$db->value("CALL hms_sync('apart', ARRAY['$math'])");
	$db->value("UPDATE apart.sync_marks SET mark = mark - interval '5 days' WHERE what = 'sessions'; DELETE FROM apart.session_peers; DELETE FROM apart.track_events; DELETE FROM apart.sync_queue WHERE kind = 'events';"
		. " DELETE FROM apart.sessions WHERE created_at >= now() - interval '5 days'");
	$api->faults({ path => '/sessions', status => 401, times => 0 });
	is($db->error("CALL hms_sync('apart')")->{state}, 'MS401', 'a first run over all rooms ends early');
	$api->faults;
	$db->value("CALL hms_sync('apart')");
	is($db->value('SELECT count(*) FROM (SELECT id FROM hms_sessions() EXCEPT SELECT id FROM apart.sessions) AS x'), 0, 'the next one misses nothing');
}

# since limits a first sync.
{
	make_mirror('lately');
	$db->value("CALL hms_sync('lately', since => now() - interval '2 days')");
	is($db->value("SELECT count(*) || ' ' || (count(*) = (SELECT count(*) FROM hms_sessions(after => now() - interval '2 days'))) FROM lately.sessions") =~ /^[1-9]\d* true$/, 1, 'a first sync since then reads nothing older');
}

# An event outside the months of its session has a partition of its own.
{
	$api->add(sessions => [ { id => 'odd-1', room_id => 'odd', active => false, created_at => stamp(7200), updated_at => stamp(3600), peers => {} } ],
		events => [ map { { version => '2.0', id => "odd$_", type => 'track.add.success', timestamp => stamp($_ * 86400), data => { room_id => 'odd', session_id => 'odd-1', peer_id => 'p', track_id => 't', type => 'video' } } } 0, 25 ]);
	$db->value("CALL hms_sync('video')");
	is_mirrored('video', 'an event of another month');
}

# What 100ms no longer has is told.
{
	$api->add(sessions => [ { id => 'old-1', room_id => 'old', active => false, created_at => stamp(40 * 86400), updated_at => stamp(40 * 86400 - 600), peers => {} } ]);
	my (undef, undef, $err) = $db->run("CALL hms_sync('video', since => now() - interval '50 days')");
	like($err, qr/WARNING:.*the events of 1 sessions are lost: they ended more than 30 days ago/, 'a gap older than 30 days is warned of');
	(undef, undef, $err) = $db->run("CALL hms_sync('video')");
	unlike($err, qr/WARNING/, 'once');
}

# Interruptions. Each leaves a part behind; the next run goes on and the mirror is whole.
my %events = (path => '/analytics/events', times => 0);

# Begins a sync that comes to a halt and waits until it has stored some events; the session.
sub begin_slow_sync
{
	my ($mirror) = @_;
	make_mirror($mirror);
	$api->faults({ %events, delay => 0.3 });
	my $session = $db->session;
	$session->value('SET hms.max_connections = 2'); # or all rooms are one step
	$session->begin("CALL hms_sync('$mirror')");
	wait_for('some events', "SELECT count(*) > 0 FROM $mirror.track_events");
	$api->faults({ %events, stall => true });
	return $session;
}

# The next run ends well, and reads less than a whole one.
sub goes_on
{
	my ($mirror, $name) = @_;
	$api->faults;
	my @seen = $api->during(sub { $db->value("CALL hms_sync('$mirror')") });
	cmp_ok(scalar @seen, '<', @first * 0.9, "the next run goes on where it was: $name");
	is_mirrored($mirror, $name);
	return;
}

{
	my $session = begin_slow_sync('cancelled');
	my $error = $db->error("CALL hms_sync('cancelled')");
	is($error->{state}, '55P03', 'a second run is refused meanwhile') or diag $error->{text};
	is(last_run('cancelled')->{state}, 'running', 'the state says that one is running');
	cmp_ok(last_run('cancelled')->{rooms_total}, '>', 0, 'and over how many rooms');
	$db->value("SELECT pg_cancel_backend($session->{pid})");
	my (undef, $err) = $session->finish;
	like($err, qr/ERROR:  57014/, 'cancel ends a run');
	$session->quit;
	goes_on('cancelled', 'after a cancel');
}
{
	my $session = begin_slow_sync('terminated');
	$db->value("SELECT pg_terminate_backend($session->{pid})");
	eval { $session->finish; $session->quit };
	goes_on('terminated', 'after pg_terminate_backend');
}
{
	my $session = begin_slow_sync('killed');
	kill 'KILL', $session->{pid};
	eval { $session->finish; $session->quit };
	wait_for('the server', 'SELECT true');
	goes_on('killed', 'after kill -9 of the backend');
}

foreach my $case (
	[ limited => { path => '/analytics/events', after => 60, status => 429, times => 0, headers => { 'Retry-After' => '0' } }, 'MS429' ],
	[ reset_by_peer => { path => '/analytics/events', after => 60, reset => true, times => 0 }, '08006' ],
	[ cut_off => { path => '/analytics/events', after => 60, truncate => 20, times => 0 }, '08006' ],
	[ in_sessions => { path => '/sessions', after => 1, status => 401, times => 0 }, 'MS401' ])
{
	my ($mirror, $fault, $state) = @$case;
	make_mirror($mirror);
	$api->faults($fault);
	my $error = $db->error("SET hms.retries = 0; CALL hms_sync('$mirror')");
	is($error->{state}, $state, "a run ends with the error that ended it: $mirror") or diag $error->{text};
	my $run = last_run($mirror);
	is($run->{state}, 'failed', 'and sync_runs says that it failed');
	is($run->{detail}, $error->{message}, 'and why');
	$api->faults;
	$db->value("CALL hms_sync('$mirror')");
	is_mirrored($mirror, "after a run that failed: $mirror");
}

# Faults that retries get over leave no trace.
{
	make_mirror('bumpy');
	$api->faults(map { ({ path => '/v2/', after => $_ * 9, status => 429, headers => { 'Retry-After' => '0' } }, { path => '/v2/', after => $_ * 11 + 3, reset => true }) } 1 .. 8);
	$db->value("CALL hms_sync('bumpy')");
	$api->faults;
	is_mirrored('bumpy', '429s and resets on the way');
}

# One session that cannot be read does not keep the others from it, and is not asked for again.
{
	make_mirror('guilty');
	my ($first) = map { $_->{id} } grep { !$_->{active} } @{ $api->world->{sessions} };
	my $room = $db->value("SELECT room_id FROM hms_session('$first')");
	$api->faults({ path => '/analytics/events', query => $first, status => 404, times => 0 }, { path => '/analytics/events', query => "room_id=$room(?!.*session_id)", status => 404, times => 0 });
	my (undef, undef, $err) = $db->run("SET hms.max_connections = 2; SET hms.retries = 0; CALL hms_sync('guilty')");
	like($err, qr/WARNING:.*passed over, not asked for again until it changes: the events of session $first of room $room/, 'a session that cannot be read is warned of by name');
	my $run = last_run('guilty');
	is($run->{state}, 'done', 'the run is done');
	is(scalar @{ $run->{failed} }, 1, 'and says what it passed over');
	is($db->value("SELECT due_at || ' ' || (last_error IS NOT NULL) FROM guilty.sync_queue WHERE kind = 'events' AND id = '$first'"), 'infinity true', 'it stays in the queue, with its error');
	is($db->value("SELECT count(*) FROM (SELECT id FROM hms_track_events(ARRAY(SELECT id FROM hms_rooms() WHERE id <> '$room')) EXCEPT SELECT id FROM guilty.track_events) AS x"), 0, 'the others were read');
	$api->faults;
	my @asked = $api->during(sub { $db->value("CALL hms_sync('guilty')") });
	is(scalar(grep { $_->{query} =~ /\Q$first\E/ } @asked), 0, 'it is not asked for again');
	$db->value("CALL hms_sync('guilty', since => now() - interval '40 days')");
	is_mirrored('guilty', 'after a run that reads it again on purpose');
}

# A long history costs an unchanged world nothing.
{
	$api->load(room_id => 'grown', sessions => 2000, peers => 2);
	$db->value("CALL hms_sync('video')");
	$db->value("CALL hms_sync('video', since => now() - interval '8 days', events => false); DELETE FROM video.sync_queue WHERE kind = 'events'");
	my $requests = scalar $api->during(sub { $db->value("CALL hms_sync('video')") });
	cmp_ok($requests, '<=', 6, 'a long history costs an unchanged world nothing');
}

# Safe under a hostile search_path, in odd schemas, for an ordinary role.
{
	$db->value('CREATE DATABASE odd');
	my $sql = q{
		CREATE SCHEMA "Ext 1 %s"; CREATE EXTENSION hms SCHEMA "Ext 1 %s";
		CREATE ROLE reporter; GRANT CREATE ON DATABASE odd TO reporter;
		GRANT USAGE ON SCHEMA "Ext 1 %s" TO reporter; SELECT "Ext 1 %s".hms_grant('reporter', 'read');
		CREATE SCHEMA evil; GRANT ALL ON SCHEMA evil TO reporter;
		CREATE FUNCTION evil.no(name, name) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN RAISE 'evil'; END $$;
		CREATE OPERATOR evil.= (LEFTARG = name, RIGHTARG = name, FUNCTION = evil.no);
		CREATE FUNCTION evil.format(text, text) RETURNS text LANGUAGE plpgsql AS $$ BEGIN RAISE 'evil'; END $$;
		CREATE FUNCTION evil.now() RETURNS timestamptz LANGUAGE plpgsql AS $$ BEGIN RAISE 'evil'; END $$;
		SET ROLE reporter; SET search_path = evil, pg_catalog;
		CREATE SCHEMA "My ""mirror"" %s"; SELECT "Ext 1 %s".hms_create_mirror('My "mirror" %s');
		CALL "Ext 1 %s".hms_sync('My "mirror" %s');
		SELECT (SELECT count(*) FROM "My ""mirror"" %s".attendance) > 1000 AND (SELECT count(*) FROM "My ""mirror"" %s".talk_time) > 1000
			AND (SELECT count(*) FROM "My ""mirror"" %s".session_usage) > 2000;};
	my ($code, $out, $err) = $db->psql('odd', $sql);
	is($err =~ s/^.*(?:NOTICE|WARNING):  .*\n?//gmr, '', 'no error');
	like($out, qr/^t$/m, 'a hostile search_path, odd schemas and an ordinary role do no harm');
	is($db->safe_psql('odd', q{DROP EXTENSION hms; SELECT count(*) > 1000 FROM "My ""mirror"" %s".attendance}), 't', 'the mirror needs nothing of the extension');
}

done_testing();
