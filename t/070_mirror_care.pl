# The mirror where things go wrong, come late or are many: nothing poisons it, nothing late is lost, few requests; what takes
# care of it (verify, status, drop, schedule), row security, foreign keys, and whose mirror a superuser works in.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use Hms;
use POSIX qw(strftime);
use Test::More;
use Time::HiRes qw(time);

my $api = Hms::Api->launch;
my $db  = Hms::Db->launch($api, jit => 'off');

sub stamp { my ($ago) = @_; return strftime('%Y-%m-%dT%H:%M:%S.000Z', gmtime(time() - $ago)) }
sub make_mirror { my ($mirror, $more) = @_; $db->value("CREATE SCHEMA $mirror; SELECT hms_create_mirror('$mirror'" . ($more // '') . ')'); return }
sub sync { my ($mirror, $more) = @_; my (undef, undef, $err) = $db->run("CALL hms_sync('$mirror'" . ($more // '') . ')'); die $err if $err =~ /ERROR/; return $err }
sub differences { my ($mirror) = @_; return $db->value("SELECT left(coalesce(string_agg(v::text, ' '), ''), 600) FROM hms_verify_mirror('$mirror') AS v WHERE length(id) < 4000") }
sub requests { my ($code) = @_; my @seen = $api->during($code); return wantarray ? @seen : scalar @seen }

# An ended session of a room with so many events.
sub session
{
	my ($id, $room, $ago, %more) = @_;
	return { id => $id, room_id => $room, active => false, created_at => stamp($ago + 600), updated_at => stamp($ago), peers => {}, %more };
}

sub event
{
	my ($id, $session, $ago, %data) = @_;
	return { version => '2.0', id => $id, type => 'track.add.success', timestamp => stamp($ago), data => { room_id => $session->{room_id}, session_id => $session->{id}, peer_id => 'p', track_id => 't', type => 'video', %data } };
}

make_mirror('video');
sync('video');
is(differences('video'), '', 'a first sync leaves nothing different');
cmp_ok($db->value("SELECT least((SELECT count(*) FROM video.error_events), (SELECT count(*) FROM video.live_streams), (SELECT count(*) FROM video.external_streams))"), '>', 0, 'errors and streams are there');

# What outsiders choose is stored however long it is, and found by it.
{
	my $long = join '', map { sprintf '%04x', rand 65536 } 1 .. 1000;
	$api->add(sessions => [ session('long-name', 'grown', 7200, peers => { p1 => { id => 'p1', session_id => 'long-name', name => $long, user_id => $long, role => 'host', joined_at => stamp(7300), left_at => stamp(7250) } }) ]);
	unlike(sync('video'), qr/WARNING/, 'a user id of 4,000 characters is no trouble');
	is($db->value("SELECT count(*) FROM video.attendance WHERE user_id = '$long'"), 1, 'it is found by it');
	like($db->value("SET enable_seqscan = off; EXPLAIN SELECT * FROM video.attendance WHERE user_id = '$long'"), qr/session_peers_user/, 'through an index');
}

# One row that cannot be stored does not stop the others.
{
	$api->add(sessions => [ session('x' x 3000, 'grown', 7000), session('good-1', 'grown', 7000) ],
		recordings => [ map { { id => $_, room_id => 'grown', session_id => 'good-1', status => 'completed', created_at => stamp(7000) } } 'y' x 3000, 'good-recording' ]);
	my $id = join '', map { sprintf '%04x', rand 65536 } 1 .. 1000;
	$api->add(sessions => [ session($id, 'grown', 7000) ]);
	like(sync('video'), qr/WARNING:.*passed over, not asked for again until it changes: session \Q@{[substr $id, 0, 100]}\E/, 'an id that no key holds is named');
	is($db->value("SELECT count(*) FROM video.sessions WHERE id = 'good-1'"), 1, 'the others are there');
	is($db->value('SELECT state FROM video.sync_runs ORDER BY id DESC LIMIT 1'), 'done', 'the run is done');
	is($db->value("SELECT failing > 0 AND failing_since IS NOT NULL AND detail <> '' FROM hms_mirror_status('video') WHERE part = 'sessions'"), 't', 'the status tells what fails since when');
}

# Partitions of the owner's own over a part of a month.
{
	make_mirror('parts');
	$db->value("DO \$\$ BEGIN EXECUTE format('CREATE TABLE parts.own PARTITION OF parts.track_events FOR VALUES FROM (%L) TO (%L)', now() - interval '2 days', now() - interval '1 day'); END \$\$");
	like(sync('parts'), qr/WARNING:.*leave a part of .* open: what they leave goes to track_events_default/, 'the owner is told of the gap');
	is(differences('parts'), '', 'and no event is lost');
}

# Events that come hours and a day after the end; few requests, for a room at a time.
{
	my @sessions = map { session("late-$_", 'late', 60 * $_ + 1200) } 1 .. 30;
	$api->add(sessions => \@sessions, events => [ map { event("on-time-$_->{id}", $_, 1300) } @sessions ]);
	sync('video');
	$db->value("UPDATE video.sync_queue SET read_at = read_at - interval '1 hour' WHERE kind = 'events'");
	is(requests(sub { sync('video') }) - 6, 0, 'what is not due is not asked for');
	my $age = sub { $db->value("UPDATE video.sync_queue SET ended_at = ended_at - interval '$_[0]', due_at = now() WHERE kind = 'events' AND id LIKE 'late-%'") };
	$age->('7 hours');
	is(requests(sub { sync('video') }) - 6, 1, 'sessions with nothing new are looked after by one request for their room');
	$api->add(events => [ map { event("came-late-$_->{id}", $_, 1290) } @sessions[3, 4] ]);
	$age->('20 hours');
	sync('video');
	is($db->value("SELECT count(*) FROM video.track_events WHERE id LIKE 'came-late-%'"), 2, 'events that came late are there');
	is($db->value("SELECT count(*) FROM video.sync_queue WHERE kind = 'events' AND id LIKE 'late-%'"), 0, 'after a day the sessions leave the queue');
	$db->value("UPDATE video.sync_settings SET read_again = '{1 minute}'");
	$api->add(sessions => [ session('late-x', 'late', 600) ]);
	sync('video');
	is($db->value("SELECT count(*) FROM video.sync_queue WHERE id = 'late-x'"), 0, 'how often is a setting of the mirror');
	$db->value("UPDATE video.sync_settings SET read_again = DEFAULT");
}

# Recordings and assets that are not final are read until they are, whatever their age.
{
	my $job = sub { my ($id, $status, $ago) = @_; return { id => $id, room_id => 'jobs', session_id => 's', status => $status, created_at => stamp($ago), started_at => stamp($ago), updated_at => stamp($ago), stopped_at => undef } };
	my $asset = sub { my ($id, $status, $ago, $type) = @_; return { id => $id, job_id => 'old-job', room_id => 'jobs', session_id => 's', type => $type // 'chat', status => $status, path => 'x', size => 1, duration => 1, created_at => stamp($ago) } };
	$api->add(rooms => [ { id => 'jobs', name => 'jobs', enabled => true, created_at => stamp(86400) } ], recordings => [ $job->('old-job', 'running', 20 * 86400), map { $job->("job-$_", 'completed', 3600 + $_) } 1 .. 150 ],
		recording_assets => [ $asset->('old-asset', 'processing', 20 * 86400), map { $asset->("asset-$_", 'completed', 3600 + $_, 'room-composite') } 1 .. 150 ]);
	sync('video');
	is($db->value("SELECT string_agg(status, ' ') FROM (SELECT status FROM video.recordings WHERE id = 'old-job' UNION ALL SELECT status FROM video.recording_assets WHERE id = 'old-asset') AS x"), 'running processing', 'an old recording that runs is there');
	$api->add(rooms => [ { id => 'jobs', name => 'jobs', enabled => true, created_at => stamp(86400) } ], recordings => [ $job->('old-job', 'failed', 20 * 86400) ], recording_assets => [ $asset->('old-asset', 'completed', 20 * 86400) ]);
	my @seen = requests(sub { sync('video') });
	is($db->value("SELECT string_agg(status, ' ') FROM (SELECT status FROM video.recordings WHERE id = 'old-job' UNION ALL SELECT status FROM video.recording_assets WHERE id = 'old-asset') AS x"), 'failed completed', 'when it has ended it is read, past the first page');
	is(scalar(grep { $_->{path} =~ m{old-} } @seen), 2, 'by its id');
	is(scalar(grep { $_->{path} =~ m{old-} } requests(sub { sync('video') })), 0, 'and then no more');
	is(differences('video'), '', 'nothing else differs');
}

# Assets in an order of their own cost no whole list; a new one is found all the same, in a list that is oldest first too.
{
	my $at = stamp(1800);
	$api->add(recording_assets => [ map { { id => sprintf('%08x', $_ * 7919 % 100003), job_id => 'one-job', room_id => 'jobs', session_id => 's', type => 'room-composite', status => 'completed', path => 'x', size => $_, duration => 1, created_at => $at } } 1 .. 1500 ]);
	sync('video');
	is(requests(sub { sync('video') }), 6, 'assets of one instant in any order make no run read the whole list');
	is($db->value("SELECT count(*) FROM video.recording_assets WHERE job_id = 'one-job'"), 1500, 'all of them are there');

	my @rows = map { { id => "o$_", room_id => 'jobs', session_id => 's', status => 'completed', created_at => stamp(86400 - $_) } } 1 .. 250;
	my $serve = sub { my @given = @_; return map { my $start = $_ * 100; my @page = grep { defined } @given[ $start .. $start + 99 ];
		{ path => '/live-streams$', query => $start ? "start=p$start\\b" : '^(?!.*start=)', times => 0, raw_body => encode({ limit => 100, data => \@page, last => @page == 100 ? 'p' . ($start + 100) : '' }) } } 0 .. 3 };
	make_mirror('oldest');
	$api->faults($serve->(@rows));
	sync('oldest');
	is($db->value('SELECT count(*) FROM oldest.live_streams'), 250, 'a list that is oldest first is read');
	$api->faults($serve->(@rows, { %{ $rows[0] }, id => 'newest', created_at => stamp(10) }));
	sync('oldest');
	is($db->value("SELECT count(*) FROM oldest.live_streams WHERE id = 'newest'"), 1, 'and a new one at its end is found');
	$api->faults;
}

# Sessions that are on: they come in one list, and by id only when they have gone from it.
{
	my @on = map { { id => "on-$_", room_id => "busy-$_", active => true, created_at => stamp(30 * 3600), updated_at => stamp(30 * 3600), peers => {} } } 1 .. 20;
	$api->add(sessions => \@on);
	$api->load(room_id => 'crowd', sessions => 4000, peers => 1);
	sync('video', ", since => now() - interval '8 days'");
	sync('video');
	$db->value("UPDATE video.sync_queue SET due_at = 'infinity' WHERE kind = 'events'"); # of sessions that ended a minute ago
	my @seen = requests(sub { sync('video') });
	cmp_ok(scalar @seen, '<=', 6, 'an unchanged account with sessions on costs six requests') or diag map { "$_->{path}?$_->{query}\n" } @seen;
	$api->add(sessions => [ { %{ $on[0] }, active => false, updated_at => stamp(1) } ]);
	@seen = requests(sub { sync('video') });
	is(scalar(grep { $_->{path} =~ m{/sessions/on-} } @seen), 1, 'one that has ended is read by its id');
	is($db->value("SELECT active FROM video.sessions WHERE id = 'on-1'"), 'f', 'and is over');
	is(differences('video'), '', 'nothing differs');
}

# Rooms: those of sessions that the list of rooms has not; a renamed one among many.
{
	make_mirror('hidden');
	my $room = $db->value("SELECT room_id FROM video.sessions WHERE id = 'good-1'");
	my @rooms = grep { $_->{id} ne $room } @{ $api->world->{rooms} };
	$api->faults({ path => '/rooms$', times => 0, raw_body => encode({ limit => 100, data => [ @rooms > 99 ? @rooms[ 0 .. 98 ] : @rooms ], last => '' }) });
	sync('hidden');
	is($db->value("SELECT count(*) FROM hidden.sessions WHERE room_id = '$room'") > 0, 1, 'sessions of a room that is not listed are there');
	is($db->value("SELECT synced_at IS NOT NULL FROM hidden.rooms WHERE id = '$room'"), 't', 'so is the room');
	$api->faults;

	$api->add(rooms => [ map { { id => "many-$_", name => "many-$_", enabled => true, created_at => stamp(40 * 86400 + $_) } } 1 .. 550 ]);
	sync('hidden');
	$db->value(q{SELECT hms_update_room('many-7', '{"name": "renamed"}'), hms_update_room('many-8', '{"name": "renamed-too"}')});
	sync('hidden', ", ARRAY['many-7']");
	is($db->value("SELECT name FROM hidden.rooms WHERE id = 'many-7'"), 'renamed', 'a room that is named in the call is read, also among many');
	my $session = session('in-many-8', 'many-8', 30);
	$api->add(sessions => [$session], events => [ event('in-many-8', $session, 40, room_name => 'renamed-too') ]);
	$db->value("UPDATE hidden.rooms SET synced_at = now() - interval '1 hour'");
	sync('hidden');
	sync('hidden');
	is($db->value("SELECT name FROM hidden.rooms WHERE id = 'many-8'"), 'renamed-too', 'and one whose events have its new name');
}

# Verify and repair.
{
	sync('video');
	$db->value("DELETE FROM video.recordings WHERE id = 'job-7'; UPDATE video.rooms SET description = 'other' WHERE id = 'late'; DELETE FROM video.track_events WHERE id = 'on-time-late-3'; INSERT INTO video.sessions (room_id, id, active, created_at, synced_at) VALUES ('late', 'invented', false, now(), now()); UPDATE video.session_peers SET role = 'x' WHERE session_id = 'long-name'");
	is($db->value("SELECT string_agg(relation || ' ' || id || ' ' || difference, ', ' ORDER BY 1) FROM (SELECT * FROM hms_verify_mirror('video') WHERE length(id) < 4000 OFFSET 0) AS v"),
		'recordings job-7 missing, rooms late differs, session_peers p1 differs, sessions invented not at 100ms, track_events on-time-late-3 missing', 'what differs is found, by table and id')
	  or diag $db->value("SELECT left(string_agg(v::text, ' '), 900) FROM hms_verify_mirror('video') AS v");
	$db->value("SELECT count(*) FROM hms_verify_mirror('video', repair => true)");
	sync('video');
	is(differences('video'), '', 'and mended on request');
}

# Retention: months as a whole, and what is dropped stays away.
{
	my $before = $db->value("SELECT quote_literal(now() - interval '5 days') || '::timestamptz'");
	my $n = $db->value("SELECT count(*) FROM video.sessions WHERE created_at < $before");
	is($db->value("SELECT dropped FROM hms_drop_before('video', $before) WHERE relation = 'sessions'"), $n, 'what was before is dropped');
	is($db->value("SELECT (SELECT count(*) FROM video.sessions WHERE created_at < $before AND NOT active) + (SELECT count(*) FROM video.track_events WHERE \"timestamp\" < $before)"), 0, 'all of it');
	sync('video', ", since => now() - interval '20 days'");
	is($db->value("SELECT (SELECT count(*) FROM video.sessions WHERE created_at < $before AND NOT active) + (SELECT count(*) FROM video.track_events WHERE \"timestamp\" < $before)"), 0, 'and does not come back');
	is(differences('video'), '', 'nor is it missed');
	$db->value("SELECT hms_drop_before('video', date_trunc('month', now() + interval '2 months', 'UTC'))");
	is($db->value("SELECT count(*) FROM pg_inherits WHERE inhparent = 'video.track_events'::regclass"), 0, 'months that lie before are dropped as partitions');
	is($db->error("SELECT hms_drop_before('video', NULL)")->{state}, '22004', 'without a time nothing is');
	is($db->error("SELECT hms_schedule_mirror('video', '* * * * *')")->{state}, '22023', 'without pg_cron there is no schedule');
}

# Row security holds through the views; what the owner set stays when the mirror is made again.
{
	make_mirror('school');
	sync('school');
	my $room = $db->value('SELECT room_id FROM school.attendance LIMIT 1');
	$db->value("CREATE ROLE teacher; GRANT USAGE ON SCHEMA school TO teacher; GRANT SELECT ON ALL TABLES IN SCHEMA school TO teacher;"
		. join '', map { "ALTER TABLE school.$_ ENABLE ROW LEVEL SECURITY; CREATE POLICY one_room ON school.$_ FOR SELECT TO teacher USING (room_id = '$room');" } qw(sessions session_peers track_events));
	my $sees = "SET ROLE teacher; SELECT count(DISTINCT room_id) FROM school.attendance UNION ALL SELECT count(DISTINCT room_id) FROM school.session_usage UNION ALL SELECT count(DISTINCT room_id) FROM school.stays";
	my $invoker = $db->value('SHOW server_version_num') >= 150000;
  SKIP:
	{
		skip 'views run as their owner before PostgreSQL 15', 1 unless $invoker;
		is($db->value($sees), "1\n1\n1", 'a policy for one room holds through the views');
	}
	$db->value("COMMENT ON VIEW school.stays IS 'mine'; COMMENT ON VIEW school.attendance IS 'mine too'; ALTER VIEW school.stays SET (security_barrier = true); REVOKE SELECT ON school.talk_time FROM teacher");
	my $set = "SELECT string_agg(relname || coalesce(reloptions::text, '') || coalesce(relacl::text, '') || coalesce(obj_description(oid, 'pg_class'), ''), ' ' ORDER BY relname) FROM pg_class WHERE relnamespace = 'school'::regnamespace AND relkind IN ('v', 'r', 'p')";
	my $before = $db->value($set);
	$db->value("SELECT hms_create_mirror('school')");
	is($db->value($set), $before, 'options, comments and grants stay when the mirror is made again');
	like($before, qr/security_barrier=true.*mine/, 'which the owner had set');
}

# Foreign keys, and an account by name.
{
	make_mirror('keys', ", foreign_keys => true");
	sync('keys');
	is($db->value("SELECT count(*) FROM pg_constraint WHERE connamespace = 'keys'::regnamespace AND contype = 'f' AND conparentid = 0"), 8, 'the tables refer to one another on request');
	is(differences('keys'), '', 'and are filled');
	$db->value("SELECT hms_create_mirror('keys', foreign_keys => true)");
	is($db->error("SELECT hms_create_mirror('keys', 'no server')")->{state}, '42704', 'an account that is not there is refused');
}

# A superuser does not work in somebody else's mirror.
{
	$db->value("CREATE ROLE owner; SELECT hms_grant('owner', 'read'); CREATE SCHEMA theirs AUTHORIZATION owner; SET ROLE owner; SELECT hms_create_mirror('theirs')");
	$db->value("CREATE FUNCTION theirs.trap() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN EXECUTE ''ALTER ROLE owner SUPERUSER''; RETURN NEW; END'; ALTER FUNCTION theirs.trap() OWNER TO owner; CREATE TRIGGER t BEFORE INSERT ON theirs.rooms FOR EACH ROW EXECUTE FUNCTION theirs.trap()");
	foreach my $call ("CALL hms_sync('theirs')", "SELECT hms_create_mirror('theirs')", "SELECT hms_verify_mirror('theirs')", "SELECT hms_drop_before('theirs', now())", "SET hms.webhook_unproven = on; SELECT hms_receive_webhook('theirs', '{\"id\": \"x\"}')")
	{
		my $error = $db->error($call);
		is("$error->{state} $error->{hint}", '42501 SET ROLE owner first.', "refused to a superuser: $call") or diag $error->{text};
	}
	$db->value("DROP TRIGGER t ON theirs.rooms");
	$db->value("GRANT CREATE ON SCHEMA video TO owner");
	is($db->error("CALL hms_sync('video')")->{state}, '42501', 'also where somebody else may create');
	$db->value("REVOKE CREATE ON SCHEMA video FROM owner; GRANT CREATE ON SCHEMA video TO PUBLIC");
	is($db->error("CALL hms_sync('video')")->{state}, '42501', 'or everybody');
	is($db->error("SET ROLE owner; CALL hms_sync('theirs')")->{state}, '', 'the owner works in it');
	is($db->value('SELECT rolsuper FROM pg_roles WHERE rolname = $$owner$$'), 'f', 'and is who he was');
}

done_testing();
