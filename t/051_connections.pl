# Connections that end while they are idle, and streams that are refused: libcurl deals with them for reads, a write is
# never in doubt because of them, and an idle backend keeps no connection that the other side has closed.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use Hms;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep time);
use Wire;

my $dir = PostgreSQL::Test::Utils::tempdir();
system_or_bail('openssl', qw(req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 -subj /CN=server
	  -addext subjectAltName=IP:127.0.0.1), '-keyout', "$dir/key.pem", '-out', "$dir/cert.pem");
chmod 0755, $dir;

my $api = Hms::Api->launch;
my $db  = Hms::Db->launch($api, 'hms.ca_file' => "$dir/cert.pem", 'hms.retries' => 0);
my %servers;

# Starts such a server; its requests so far are in its file.
sub server
{
	my ($mode, $after) = @_;
	my $file = "$dir/$mode-" . keys %servers;
	my $pid  = fork // die $!;
	if ($pid == 0)
	{
		open STDOUT, '>', $file or die $!;
		exec qw(setpriv --pdeathsig TERM /usr/bin/python3), "$ENV{top_builddir}/test/standin/http2.py", '--cert', "$dir/cert.pem",
		  '--key', "$dir/key.pem", '--mode', $mode, '--after', $after // 1;
	}
	$servers{$pid} = 1;
	my $url;
	for (1 .. 100) { last if -s $file && (($url) = slurp_file($file) =~ /^listening on (\S+)\n/); sleep 0.1 }
	return { pid => $pid, file => $file, url => $url };
}

END { local $?; kill 'TERM', keys %servers; waitpid $_, 0 foreach keys %servers }

# What a server has seen, as words.
sub seen
{
	my ($server) = @_;
	my (undef, @lines) = split /\n/, slurp_file($server->{file});
	return @lines;
}

# A session that talks to a server.
sub session_to
{
	my ($url) = @_;
	my $session = $db->session;
	$session->value("SET hms.api_url = '$url'");
	return $session;
}

my $stats = 'SELECT retries FROM hms_stats()';

# A server that closes an idle TLS connection politely.
{
	my $server  = server('polite');
	my $session = session_to($server->{url});
	foreach my $pause (0, 0.5, 0.5, 1.5, 2.2)
	{
		sleep $pause;
		is($session->value("SELECT hms_api_get('/a')"), '{}', "a read after $pause s, on a connection that was closed meanwhile");
	}
	is($session->value($stats), 0, 'without a repetition of ours');
	foreach my $pause (0.3, 0.9, 2.1)
	{
		sleep $pause;
		my $error = $session->error("SELECT hms_api_post('/a')");
		is($error->{state}, '', "a write after $pause s") or diag $error->{text};
	}
	is(scalar(grep { /POST/ } seen($server)), 3, 'each write was sent once');
	$session->quit;
}

# One that closes without a word, over TCP alone.
{
	my $wire = Wire->launch(sub {
		my ($socket) = @_;
		print $socket "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}";
		select undef, undef, undef, 0.15;
		return 0;
	});
	my $session = session_to($wire->url);
	foreach my $pause (0, 0.25, 0.5, 1.2)
	{
		foreach my $function (qw(hms_api_get hms_api_post))
		{
			sleep $pause;
			my $error = $session->error("SELECT $function('/a')");
			is($error->{state}, '', "$function $pause s after the request before, the connection closed meanwhile") or diag $error->{text};
		}
	}
	is(scalar(grep { /POST/ } $wire->requests), 4, 'each write was sent once');
	$session->quit;
	$wire->stop;
}

# A write takes a connection of its own, on which the next read goes.
{
	my $wire = Wire->launch(sub { my ($socket) = @_; my $pid = qq("$$"); print $socket "HTTP/1.1 200 OK\r\nContent-Length: " . length($pid) . "\r\n\r\n$pid"; return 1 });
	my $session = session_to($wire->url);
	my ($read, $write) = map { $session->value("SELECT hms_api_$_('/a')") } qw(get post);
	isnt($write, $read, 'a write takes a connection of its own');
	is($session->value("SELECT count(DISTINCT hms_api_get('/a', jsonb_build_object('n', i))) FROM generate_series(1, 20) i"), 1, 'reads share one');
	cmp_ok($session->sockets, '<=', 8, 'and few are kept');
	$session->quit;
	$wire->stop;
}

# Closed on receipt of a write: nobody knows, and it is not sent again.
{
	my $server  = server('silent', 3);
	my $session = session_to($server->{url});
	$session->value("SELECT hms_api_post('/a'); SELECT hms_api_post('/a')");
	my $error = $session->error("SELECT hms_api_post('/a')");
	is($error->{state}, '08006', 'a connection that is closed on receipt of a write') or diag $error->{text};
	like($error->{hint}, qr/may have been carried out/, 'is not known to have done nothing');
	is(scalar(grep { /ignored/ } seen($server)), 1, 'and the write is sent once');
	$session->quit;
}

# HTTP/2.
{
	my $server  = server('plain');
	my $session = session_to($server->{url});
	is($session->value("SELECT count(hms_api_get('/a', jsonb_build_object('n', i))) FROM generate_series(1, 50) i"), 50, 'HTTP/2: fifty reads');
	my %connections = map { (split)[0] => 1 } seen($server);
	is(join(' ', (keys %connections), (seen($server))[0] =~ /(h2)/), '1 h2', 'over one connection');
	$session->quit;
}
{
	my $server  = server('goaway', 7);
	my $session = session_to($server->{url});
	is($session->value("SELECT count(hms_api_get('/a', jsonb_build_object('n', i))) FROM generate_series(1, 60) i"), 60, 'GOAWAY after seven streams: sixty reads');
	is($session->value($stats), 0, 'without a repetition of ours');
	my $rooms = join ',', map { "'r$_'" } 1 .. 60;
	my $error = $session->error("SELECT count(*) FROM hms_track_events(ARRAY[$rooms])");
	is($error->{state}, '08P01', 'several at once: the answers come, though they are no pages') or diag $error->{text};
	is($session->value($stats), 0, 'without a repetition of ours');
	# what was not read to its end may hold a GOAWAY that only the next read meets; libcurl 7.88 takes that for a broken one
	$session->value('SET hms.retries = 1');
	foreach my $i (1 .. 10)
	{
		$session->value("SELECT count(hms_api_get('/a', jsonb_build_object('n', i))) FROM generate_series(1, $i) i");
		$error = $session->error("SELECT hms_api_post('/a')");
		is($error->{state}, '', "a write after $i reads") or diag $error->{text};
	}
	is(scalar(grep { /POST/ } seen($server)), 10, 'each write was sent once');
	$session->quit;
}
{
	my $server  = server('refuse', 1);
	my $session = session_to($server->{url});
	is($session->value("SELECT hms_api_get('/a')"), '{}', 'a read that was refused unread succeeds');
	is($session->value($stats), 0, 'without a repetition of ours');
	$session->quit;
}
foreach my $before ('', "SELECT hms_api_get('/a'); ", "SET hms.api_url = '$api->{url}'; SELECT count(*) FROM hms_rooms(); ")
{
	my $server  = server('refuse', 1);
	my $session = session_to($server->{url});
	$session->ask($before) if $before;
	$session->value("SET hms.api_url = '$server->{url}'");
	my $error = $session->error("SELECT hms_api_post('/a')");
	is($error->{state}, '', "a write that was refused unread is in no doubt, after: $before") or diag $error->{text};
	is(join(', ', map { (split)[2, 3] } grep { /POST/ } seen($server)), $before =~ /get/ ? 'POST, answered' : 'POST, refused, POST, answered', 'and is sent again');
	$session->quit;
}
{
	my $server  = server('downgrade');
	my $session = session_to($server->{url});
	foreach my $function (qw(hms_api_get hms_api_post))
	{
		my $error = $session->error("SELECT $function('/a')");
		is($error->{state}, '', "HTTP_1_1_REQUIRED: $function goes by HTTP/1.1") or diag $error->{text};
	}
	$session->quit;
}

# A server that drops each connection when its second request comes: libcurl sends it again on another one, every time.
{
	my $served = 0;
	my $wire   = Wire->launch(sub {
		my ($socket) = @_;
		return 0 if $served++;
		print $socket "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}";
		return 1;
	});
	my $session = session_to($wire->url);
	my @failed  = grep { $session->error("SELECT hms_api_get('/a')")->{state} ne '' } 1 .. 20;
	is("@failed", '', 'a connection that is dropped with each request harms none of twenty reads');
	cmp_ok(scalar $wire->requests, '>', 30, 'although nearly each of them was sent twice');
	$session->quit;
	$wire->stop;
}

# Versions of libcurl close what has not been connected without a word. No descriptor is lost by it, of which PostgreSQL
# gives a backend some hundreds, and what has got the number since is left alone.
{
	my $deaf    = IO::Socket::INET->new(LocalAddr => '127.0.0.1', Listen => 1) or die $!;
	my @crowd   = map { IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $deaf->sockport, Blocking => 0) } 1 .. 4;
	my $session = $db->session;
	my $rooms   = 'SELECT count(*) > 0 FROM hms_rooms()';
	$session->value($rooms);
	my $own     = $session->value(q{SELECT format('host=%s port=%s dbname=%s', split_part(current_setting('unix_socket_directories'), ',', 1), current_setting('port'), current_database())});
	my $dblink  = $session->value("SELECT count(*) FROM pg_available_extensions WHERE name = 'dblink'");
	$session->value("CREATE EXTENSION dblink; SELECT dblink_connect('own', '$own'), dblink_disconnect('own')") if $dblink;
	my $vain = "SET hms.connect_timeout = '5ms'; SET hms.api_url = 'http://127.0.0.1:" . $deaf->sockport . "/v2'";
	$session->value($vain);
	$session->error("SELECT hms_api_get('/a')") foreach 1 .. 3;
	$session->value('RESET hms.connect_timeout; RESET hms.api_url');
	SKIP:
	{
		skip 'this PostgreSQL has no dblink', 2 unless $dblink;
		$session->value("SELECT dblink_connect('own', '$own')");
		$session->value($rooms);
		sleep 11;    # idle connections have been closed
		is($session->error("SELECT 1 FROM dblink('own', 'SELECT 1') AS t(x int)")->{state}, '', 'somebody else\'s connection is not closed');
		is($session->value($rooms), 't', 'and ours go on');
	}

	$session->value($vain);
	is( $session->value(<<'SQL'), '500', 'five hundred connections that time out');
DO $$
BEGIN
	FOR i IN 1..500 LOOP
		BEGIN
			PERFORM hms_api_get('/a');
		EXCEPTION WHEN connection_exception OR sqlclient_unable_to_establish_sqlconnection THEN
			PERFORM set_config('test.count', i::text, false);
		END;
	END LOOP;
END
$$;
SHOW test.count;
SQL
	$session->value('RESET hms.connect_timeout; RESET hms.api_url');
	is($session->error("SELECT hms_create_room('{}') IS NOT NULL")->{state}, '', 'do not keep a new one from being made');
	$session->quit;
}

# A backend that waits for its client closes what it does not use.
{
	my $session = $db->session;
	$session->value('SELECT count(*) FROM hms_rooms()');
	my $port = sprintf '%04X', $api->{port};
	my $of_backend = sub {
		my %inodes = map { (readlink($_) // '') =~ /^socket:\[(\d+)\]/ ? ($1 => 1) : () } glob "/proc/$session->{pid}/fd/*";
		return grep { my @field = split; @field > 9 && $inodes{ $field[9] } && $field[2] =~ /:$port$/ && $field[3] =~ /^0[18]$/ } split /\n/, slurp_file('/proc/net/tcp');
	};
	is(scalar $of_backend->(), 1, 'a connection is kept for the next call');
	$session->error('SELECT 1 / 0');    # an error disables all timeouts of a backend
	my $start = time;
	sleep 0.1 while $of_backend->() && time - $start < 30;
	is(scalar $of_backend->(), 0, 'but not for long: an idle backend closes it');
	cmp_ok(time - $start, '>', 5, 'nor too soon');
	is($session->value('SELECT count(*) > 0 FROM hms_rooms(); SELECT retries FROM hms_stats()'), "t\n0", 'and the next call takes another one, without a repetition');
	$session->quit;
}

done_testing();
