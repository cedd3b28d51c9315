# Twenty complaints that users of other such extensions have, each as a test that it does not hold here. Where another
# test goes through a complaint in full, this one keeps the sentence and its smallest proof.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use Fuzz;
use Hms;
use PostgreSQL::Test::Utils;
use Test::More;
use Wire;

my $api = Hms::Api->launch;
my $db  = Hms::Db->launch($api, 'hms.retries' => 1);
$api->load(room_id => 'long', events => 350, sessions => 100, peers => 3);
my $session = $db->session;

# What a statement prints, and how many requests it makes.
sub asked
{
	my ($sql) = @_;
	my ($out, $err);
	my @seen = $api->during(sub { ($out, $err) = $session->ask($sql) });
	return ($out, scalar @seen, Hms::Db::parse_error($err));
}

# 1, 2. Pages have to be put together by hand; or never end.
is(join(' ', (asked("SELECT count(DISTINCT id) FROM hms_track_events('long')"))[0, 1]), '350 4', 'a list is all of it');
is(join(' ', (asked("SELECT count(DISTINCT id) FROM hms_sessions('long')"))[0, 1]), '100 2', 'also when its last page is a full one');
{
	# a server that takes no notice of the page that it is asked for
	my $page = '{"pagination": {"current_page": 1, "has_next": true}, "data": [{"id": 1}]}';
	my $wire = Wire->launch(sub { print { $_[0] } "HTTP/1.1 200 OK\r\nContent-Length: " . length($page) . "\r\n\r\n$page"; return 1 });
	my $error = $session->error("SET hms.api_url = '" . $wire->url . "'; SELECT count(*) FROM hms_api_list('/x')");
	is($error->{state} . ' ' . $wire->requests, '08P01 2', 'a numbered page that comes again is noticed at once') or diag $error->{text};
	$session->value('RESET hms.api_url');
}

# 3. LIMIT reads everything.
is(join(' ', (asked("SELECT count(*) FROM (SELECT id FROM hms_track_events('long') LIMIT 10) q"))[0, 1]), '10 1', 'LIMIT asks for one page');
is(join(' ', (asked("SELECT count(*) FROM (SELECT id FROM hms_track_events('long') WHERE id > '' ORDER BY id LIMIT 10) q"))[0, 1]), '10 4', 'and sorts what has to be sorted');

# 4. No rows where there was an error.
foreach my $status (400, 401, 403, 404, 429, 500, 503)
{
	$api->faults({ status => $status, headers => { 'Retry-After' => '0' }, times => 0, $status == 404 ? (body => 'not found') : () });
	my @silent = grep { (asked($_))[2]{state} ne "MS$status" } 'SELECT * FROM hms_rooms()', "SELECT * FROM hms_sessions('r')", "SELECT * FROM hms_track_events('r')",
	  "SELECT * FROM hms_room('r')", "SELECT * FROM hms_session('r')", "SELECT * FROM hms_active_peers('r')", "SELECT * FROM hms_attendance('r')", "SELECT * FROM hms_api_list('/x')";
	ok(!@silent, "$status is an error of every read") or diag "@silent";
}
$api->faults;

# 5. No retries; 6. Time limits that do nothing; 7. Nothing can be cancelled.
$api->faults({ status => 503, headers => { 'Retry-After' => '0' }, times => 1 });
is(join(' ', (asked('SELECT count(*) > 0 FROM hms_rooms()'))[0, 1]), 't 2', 'what passes is tried again');
is($session->value('SELECT retries > 0 FROM hms_stats()'), 't', 'and counted');
$api->faults({ stall => true, times => 0 });
foreach my $case (['hms.timeout', '08006', qr/hms\.timeout/], ['statement_timeout', '57014', qr/statement timeout/])
{
	my ($setting, $state, $words) = @$case;
	my $error;
	my $seconds = seconds_of(sub { $error = $session->error("SET $setting = '250ms'; SELECT count(*) FROM hms_rooms()") });
	ok($error->{state} eq $state && $error->{text} =~ $words && $seconds < 1, sprintf '%s = 250ms ends a call after %.0f ms, and is named', $setting, $seconds * 1000) or diag $error->{text};
	$session->value("RESET $setting");
}
$api->faults;

# 8, 9, 10. Secrets that can be read, permissions, credentials of one session only: t/043, t/005, t/007. Here: a new
# session, a reload and a role of its own need nothing set up again.
{
	my $second = $db->session;
	is($second->value('SELECT count(*) > 0 FROM hms_rooms()'), 't', 'another session has the credentials too');
	$db->append_conf('postgresql.conf', "hms.page_size = 50");
	$db->reload;
	$db->poll_query_until('postgres', "SELECT current_setting('hms.page_size') = '50'");
	is($second->value("SELECT count(*) FROM hms_track_events('long')"), 350, 'and after a reload');
	$second->quit;
	$db->append_conf('postgresql.conf', "hms.page_size = 100");
	$db->reload;
	$session->value('SET hms.page_size = 100');
	is($db->value("SELECT count(*) FROM pg_proc p WHERE proname ~ '^hms_' AND has_function_privilege('public', p.oid, 'EXECUTE') AND pg_get_function_sqlbody(oid) ~ '_hms_(rows|call)'"), 0, 'nothing that sends is open to all');
}

# 11. A worker that is not up: there is none.
is($db->value("SELECT count(*) FROM pg_stat_activity WHERE backend_type ~ 'hms|extension'"), 0, 'no background worker is needed');

# 12. All errors look the same.
{
	my %state;
	foreach my $fault ({ status => 400 }, { status => 401 }, { status => 404, body => '' }, { status => 409 }, { status => 429 }, { status => 500 }, { reset => true }, { garbage => true })
	{
		$api->faults({ %$fault, headers => { 'Retry-After' => '0' }, times => 0 });
		my $error = (asked("SELECT * FROM hms_room('r')"))[2];
		$state{ $error->{state} }++;
		like($error->{message}, qr/^could not get room: \S/, "$error->{state} says what could not be done, and why");
		like($error->{detail}, qr{GET /rooms/r\b}, "$error->{state} says which call it was");
	}
	$api->faults;
	is(scalar keys %state, 8, 'eight failures, eight SQLSTATEs');
}

# 13. One bad value costs everything: t/041. Here: Twilio's and Steampipe's own.
{
	$api->add(rooms => [{ id => 'odd', name => "a\0b", description => 'x', enabled => true, created_at => '0001-01-01T00:00:00Z', updated_at => '2026-01-31T09:00:00.123456789Z', size => 'many', polls => 7 }]);
	my ($out, $err) = $session->ask("SELECT length(name), created_at IS NULL, updated_at IS NOT NULL, size IS NULL, extra ->> 'size' FROM hms_room('odd')");
	is($out, '3|t|t|t|many', 'a row with a NUL, a zero time, nine digits and a number that is none') or diag $err;
	is($session->value("SELECT count(*) FROM hms_rooms() WHERE id = 'odd'"), 1, 'among others');
}

# 14. Joins that lose rows, scans that are run again.
$session->value("CREATE TABLE app AS SELECT n, 'long'::text AS room_id FROM generate_series(1, 30) n; ANALYZE app");
foreach my $off ('enable_hashjoin', 'enable_hashjoin,enable_mergejoin', 'enable_nestloop', 'enable_material')
{
	my $set   = join '', map { "SET $_ = off; " } split /,/, $off;
	my $reset = join '', map { "; RESET $_" } split /,/, $off;
	is(join(' ', (asked("${set}SELECT count(*), count(DISTINCT s.id) FROM app a JOIN hms_sessions('long') s USING (room_id)$reset"))[0, 1]), '3000|100 2', "a join asks once and loses nothing ($off off)");
}
is(join(' ', (asked("SELECT count(*) FROM (SELECT user_id FROM hms_session_peers('long') WHERE role IS NOT NULL AND joined_at < now()) q"))[0, 1]), '300 2', 'a column that is filtered on need not be selected');

# 15, 16. Memory; crashes. Ten thousand faults of several kinds in one transaction, in an exception block each.
{
	$api->faults({ status => 400, chance => 0.3, times => 0 }, { raw_body => '{"data": [{', chance => 0.3, times => 0 }, { truncate => 10, chance => 0.3, times => 0 }, { status => 404, times => 0 });
	my $closed = IO::Socket::INET->new(LocalAddr => '127.0.0.1', Listen => 1)->sockport;
	my $loop   = sub {
		my ($times) = @_;
		return "SET hms.retries = 0; DO \$\$ DECLARE x jsonb; caught int := 0; BEGIN
			FOR i IN 1 .. $times LOOP
				BEGIN
					PERFORM set_config('hms.api_url', CASE WHEN i % 5 = 0 THEN '$api->{url}' ELSE 'http://127.0.0.1:$closed/v2' END, true);
					IF i % 3 = 0 THEN x := hms_api_get('/x');
					ELSIF i % 3 = 1 THEN PERFORM count(*) FROM hms_rooms();
					ELSE PERFORM hms_create_room();
					END IF;
				EXCEPTION WHEN SQLSTATE '08001' OR SQLSTATE '08006' OR SQLSTATE '08P01' OR SQLSTATE 'MS400' OR SQLSTATE 'MS404' THEN caught := caught + 1;
				END;
			END LOOP;
			IF caught <> $times THEN RAISE 'caught only %', caught; END IF; END \$\$";
	};
	$session->value($loop->(500));
	my ($memory, $fds) = ($session->memory('RssAnon'), $session->fds);
	my $seconds = seconds_of(sub { $session->value($loop->(10_000)) });
	my $grown = $session->memory('RssAnon') - $memory;
	cmp_ok($grown, '<=', 1024, sprintf '10,000 faults in exception blocks: %d kB more, %.1f s', $grown, $seconds);
	cmp_ok($session->fds, '<=', $fds + 1, 'as many descriptors');
	$api->faults;
	is($session->value('RESET hms.retries; RESET hms.api_url; SELECT count(*) > 0 FROM hms_rooms()'), 't', 'and the backend goes on');
}

# 17. One room after the other; and what is kept of the connections that this takes.
{
	$api->load(room_id => "wide-$_", events => 10) foreach 1 .. 40;
	my $rooms = join ',', map { "'wide-$_'" } 1 .. 40;
	$api->faults({ path => 'events', delay => 0.1, times => 0 });
	my @took = map { my $at_once = $_; seconds_of(sub { $session->value("SET hms.max_connections = $at_once; SELECT count(*) FROM hms_track_events(ARRAY[$rooms])") }) } 5, 40;
	$api->faults;
	cmp_ok($took[0], '>', 2 * $took[1], sprintf 'forty rooms at 100 ms: %.2f s five at a time, %.2f s at once', @took);
	cmp_ok($session->sockets, '<=', 45, 'no more connections are kept than were allowed');
	$session->value("SET hms.max_connections = 2; SELECT count(hms_api_get('/sessions', jsonb_build_object('room_id', i))) FROM generate_series(1, 45) i");
	cmp_ok($session->sockets, '<=', 6, 'and with each call one is closed when fewer are allowed: ' . $session->sockets . ' sockets left');
	$session->value('RESET hms.max_connections');
}

# 19. A token that is not valid yet.
{
	my @seen = $api->during(sub { $session->value("SET hms.access_key = '$api->{access_key}'; SELECT count(*) FROM hms_rooms()") });
	my $claims = $seen[-1]{claims};
	cmp_ok(time - $claims->{nbf}, '>=', 9, 'a token is valid from ten seconds ago');
	is($session->value("SELECT count(*) FROM hms_check() WHERE \"check\" = 'clock' AND ok"), 1, 'and hms_check compares the clocks');
	my $late = Wire->launch(sub { print { $_[0] } "HTTP/1.1 200 OK\r\nDate: Thu, 01 Jan 2026 00:00:00 GMT\r\nContent-Length: 12\r\n\r\n{\"data\": []}"; return 1 });
	like($session->value("SET hms.api_url = '" . $late->url . "'; SELECT detail FROM hms_check() WHERE \"check\" = 'clock' AND NOT ok"), qr/^this server is \d+ s ahead/, 'and says by how much they differ');
	$session->value('RESET hms.api_url; RESET hms.access_key');
}

# 20. How long, who, how many at once?
is($session->value("SELECT count(*) > 0 AND bool_and(minutes >= 0) FROM hms_attendance('long')"), 't', 'attendance is one query');
is($session->value("SELECT bool_and(peak_peers >= 1) FROM hms_session_usage('long') WHERE peers > 0"), 't', 'and the peak of a session another');

# What a fuzzer found, and a short run of it.
{
	my $fuzz = Fuzz->launch(seed => 7);
	my $problem = $fuzz->run(1, 80);
	is($problem, undef, 'eighty mutated answers, each to every kind of call');
	$fuzz->stop;
}

is($session->value('SELECT pg_backend_pid()'), $session->{pid}, 'it was one backend all the time');
$session->quit;
done_testing();
