# What the TAP files share: the stand-in for the API, a server that is set up against it, and short ways to ask both.
#
#   my $api = Hms::Api->launch;              # a stand-in of this test's own
#   my $db  = Hms::Db->launch($api);         # a server of this test's own that uses it
#   my $row = $db->rows('SELECT …');         # [ {column => value}, … ]
#   my $bad = $db->error('SELECT …');        # {state, message, detail, hint}
#   my @log = $api->log;                     # the requests that the stand-in saw

package Hms;

use strict;
use warnings;

use Exporter 'import';
use JSON::XS;
use POSIX ();
use PostgreSQL::Test::Utils (); # before its names are compiled: version 14 has them by another

our @EXPORT = qw(true false decode encode query_of body_of seconds_of quickest preload_of make_ca make_certificate);

# A test that is told to stop still stops what it started: exit runs the END blocks, a signal's default would not.
$SIG{INT} = $SIG{TERM} = sub { exit 1 };

# A file that gives up does so for itself: the others are run all the same.
{
	no warnings 'redefine';
	require Test::Builder;
	*Test::Builder::BAIL_OUT = sub { $_[0]->diag("gave up: $_[1]"); exit 255 };
}

my $json = JSON::XS->new->utf8->canonical->allow_nonref;

sub true  { return JSON::XS::true }
sub false { return JSON::XS::false }

# JSON text to Perl data and back; the text of equal data is equal.
sub decode { return $json->decode($_[0]) }
sub encode { return $json->encode($_[0]) }

# A raw query string as {name => [values, decoded, in their order]}.
sub query_of
{
	my ($raw) = @_;
	my %query;
	foreach my $pair (split /&/, $raw // '')
	{
		my ($name, $value) = map { s/%([0-9A-Fa-f]{2})/chr hex $1/ger } split /=/, $pair, 2;
		push @{ $query{$name} }, $value;
	}
	return \%query;
}

# The JSON body of a logged request as Perl data.
sub body_of
{
	my ($request) = @_;
	utf8::encode(my $body = $request->{body});
	return length $body ? decode($body) : undef;
}

# Compiles C, by these options besides, and returns the library: for LD_PRELOAD, where it takes the place of a function
# of libc, or for the server.
sub preload_of
{
	my ($source, @options) = @_;
	my $file = PostgreSQL::Test::Utils::tempdir() . '/preload';
	PostgreSQL::Test::Utils::append_to_file("$file.c", $source);
	system('gcc', '-shared', '-fPIC', @options, '-o', "$file.so", "$file.c", '-ldl') == 0 or die "could not compile $file.c";
	return "$file.so";
}

# A certificate authority: DIR/NAME.pem and DIR/NAME.key.
sub make_ca
{
	my ($dir, $name) = @_;
	_openssl(qw(req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 -subj), "/CN=Test $name", '-addext', 'keyUsage=critical,keyCertSign',
		'-keyout', "$dir/$name.key", '-out', "$dir/$name.pem");
	return;
}

# A server's certificate by that authority for those names, as options of the stand-in. The times are given as times:
# not every OpenSSL knows how to end one before today.
sub make_certificate
{
	my ($dir, $ca, $name, $alt, %option) = @_;
	my @times = $option{expired} ? (20200101000000, 20200131000000) : (20200101000000, 20991231000000);
	my $conf  = "$dir/$name.conf";
	PostgreSQL::Test::Utils::append_to_file($conf, <<"CONF");
[ca]
default_ca = own
[own]
database = $dir/$name.index
new_certs_dir = $dir
rand_serial = yes
default_md = sha256
policy = any
x509_extensions = names
[any]
commonName = supplied
[names]
subjectAltName = $alt
CONF
	PostgreSQL::Test::Utils::append_to_file("$dir/$name.index", '');
	_openssl(qw(req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj), "/CN=$name", '-keyout', "$dir/$name.key", '-out', "$dir/$name.csr");
	_openssl(qw(ca -batch -notext -config), $conf, '-cert', "$dir/$ca.pem", '-keyfile', "$dir/$ca.key", '-in', "$dir/$name.csr", '-out', "$dir/$name.pem",
		'-startdate', "$times[0]Z", '-enddate', "$times[1]Z");
	return ('tls-cert' => "$dir/$name.pem", 'tls-key' => "$dir/$name.key");
}

sub _openssl { system('openssl', @_) == 0 or die "openssl @_ failed"; return }

# How long a piece of code takes.
sub seconds_of
{
	my ($code) = @_;
	my $start = _now();
	$code->();
	return _now() - $start;
}

# The seconds that the quickest of a few tries took, each of which the code measures itself. What is slow by itself is
# slow every time; a busy machine is so now and then. No more is tried once one was within the limit.
sub quickest
{
	my ($limit, $code) = @_;
	my $best;
	foreach (1 .. 6)
	{
		my $seconds = $code->();
		$best = $seconds if !defined $best || $seconds < $best;
		last if $best < $limit;
	}
	return $best;
}

sub _now
{
	require Time::HiRes;
	return Time::HiRes::time();
}


# The stand-in for the API. It ends with the test, however that ends.
package Hms::Api;

use strict;
use warnings;

use HTTP::Tiny;

my @running;

# Starts a stand-in; options are those of its command line, without the dashes.
sub launch
{
	my ($class, %option) = @_;
	my %flags = ('access-key' => 'test-access-key', secret => "test-secret-$$-" . int(rand(1e9)), %option);
	my $self  = bless { access_key => $flags{'access-key'}, secret => $flags{secret} }, $class;
	my $top   = $ENV{top_builddir} // '.';

	my @command = (qw(setpriv --pdeathsig TERM /usr/bin/python3), "$top/test/standin/standin.py");
	push @command, map { ("--$_", $flags{$_}) } sort keys %flags;
	my $pid = open(my $out, '-|', @command) or die "could not start the stand-in: $!";
	my $line = <$out> // die 'the stand-in ended before it listened';
	($self->{url})    = $line =~ m{listening on (\S+/v2)}   or die "the stand-in said: $line";
	($self->{origin}) = $self->{url} =~ m{^(.*)/v2$};
	($self->{port})   = $self->{url} =~ m{:(\d+)/};
	$self->{pid}      = $pid;
	$self->{out}      = $out;
	$self->{http}     = HTTP::Tiny->new(verify_SSL => 0, timeout => 30);
	push @running, $self;
	return $self;
}

# Ends the stand-in; its port then refuses connections.
sub stop
{
	my ($self) = @_;
	return unless my $pid = delete $self->{pid};
	local $?;
	kill 'TERM', $pid;
	close $self->{out};
	return;
}

END { $_->stop foreach @running }

# Asks the stand-in's own door, beside the API.
sub control
{
	my ($self, $method, $path, $data) = @_;
	my %request = defined $data ? (content => Hms::encode($data)) : ();
	$request{headers}{'content-type'} = 'application/json' if defined $data;
	my $answer = $self->{http}->request($method, "$self->{origin}/_standin/$path", \%request);
	die "stand-in: $method $path: $answer->{status} $answer->{content}" unless $answer->{success};
	return length($answer->{content} // '') ? Hms::decode($answer->{content}) : undef;
}

# The requests seen, oldest first.
sub log { my ($self) = @_; return @{ $self->control(GET => 'log') } }

# Forgets the requests seen.
sub clear { my ($self) = @_; $self->control(DELETE => 'log'); return }

# The requests that a piece of code causes.
sub during
{
	my ($self, $code) = @_;
	$self->clear;
	$code->();
	return $self->log;
}

# Makes the stand-in misbehave by these rules, and by no others; without rules it behaves.
sub faults
{
	my ($self, @rules) = @_;
	$self->control(DELETE => 'faults');
	$self->control(PUT => 'faults', \@rules) if @rules;
	return;
}

# Makes the stand-in misread the filter "before"; undef: it reads it as documented.
sub misread_before { my ($self, $how) = @_; $self->control(PUT => 'filter', { before => $how }); return }

# Everything that the stand-in knows: {rooms => [], sessions => [], events => [], …}.
sub world { my ($self) = @_; return $self->control(GET => 'world') }

# Adds objects, or replaces those with the same ids: (rooms => [], sessions => [], events => []).
sub add { my ($self, %objects) = @_; return $self->control(POST => 'world', \%objects) }

# Adds bulk to a room: (room_id => …, events => n, sessions => n, peers => n).
sub load { my ($self, %bulk) = @_; return $self->control(POST => 'load', \%bulk) }

# Makes the seed's world again; forgets requests and faults.
sub reset { my ($self) = @_; return $self->control(POST => 'reset') }


# A server with the extension installed and set up against a stand-in.
package Hms::Db;

use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use parent -norequire, 'PostgreSQL::Test::Cluster';

my $count = 0;

# Makes and starts a server; settings are lines of its configuration, undef leaves one of ours out.
sub launch
{
	my ($class, $api, %setting) = @_;

	$ENV{PGUSER} = 'postgres';
	my $self = $class->new('hms' . ++$count);
	$self->init(extra => [qw(-U postgres -E UTF8 --locale=C.UTF-8)]);
	$self->{secret_file} = $self->basedir . '/secret';
	$self->write_secret($api->{secret});
	%setting = (
		session_preload_libraries => 'hms',
		'hms.api_url'             => $api->{url},
		'hms.access_key'          => $api->{access_key},
		'hms.secret_file'         => $self->{secret_file},
		statement_timeout         => '300s',  # so that what hangs fails; a sync under sanitizers takes a minute
		%setting);
	$self->append_conf('postgresql.conf', "$_ = '$setting{$_}'")
	  foreach grep { defined $setting{$_} } sort keys %setting;
	$self->start;
	$self->safe_psql('postgres', 'CREATE EXTENSION hms');
	return $self;
}

# Puts a secret where the server reads it.
sub write_secret
{
	my ($self, $secret, $mode) = @_;
	unlink $self->{secret_file};
	umask 077;
	append_to_file($self->{secret_file}, "$secret\n");
	chmod($mode, $self->{secret_file}) if defined $mode;
	umask 022;
	return;
}

# Runs SQL in a session of its own; (exit code, stdout, stderr), with errors in full.
sub run
{
	my ($self, $sql, %params) = @_;
	my @extra = ('-v', 'VERBOSITY=verbose', @{ delete $params{extra_params} // [] });
	return $self->psql('postgres', $sql, extra_params => \@extra, %params);
}

# What SQL prints; it must succeed.
sub value
{
	my ($self, $sql) = @_;
	my ($code, $out, $err) = $self->run($sql);
	die "$sql\nfailed: $err" if $code != 0;
	return $out;
}

# The rows of a query as [ {column => value}, … ], timestamps as JSON has them.
sub rows
{
	my ($self, $query) = @_;
	return Hms::decode($self->value("SELECT coalesce(json_agg(q), '[]') FROM ($query) AS q"));
}

# The first column of a query's rows.
sub column
{
	my ($self, $query) = @_;
	return [ split /\n/, $self->value($query) ];
}

# The error that SQL ends with as {state, message, detail, hint, text}; state is empty where there is none.
sub error
{
	my ($self, $sql) = @_;
	my (undef, undef, $err) = $self->run($sql);
	return parse_error($err);
}

# Takes psql's verbose error text apart.
sub parse_error
{
	my ($text) = @_;
	my %error = (state => '', message => '', detail => '', hint => '', context => '', text => $text);
	if ($text =~ /(?:ERROR|FATAL):  (\w{5}): (.*?)(?=\n[A-Z ]+[A-Z]:  |\z)/s)
	{
		@error{qw(state message)} = ($1, $2);
		foreach my $part (qw(DETAIL HINT CONTEXT))
		{
			$error{ lc $part } = $1 if $text =~ /^$part:  (.*?)(?=\n[A-Z ]+[A-Z]:  |\z)/ms;
		}
	}
	return \%error;
}

# A session that stays open.
sub session
{
	my ($self, %params) = @_;
	my $user = delete $params{user};
	local $ENV{PGUSER} = $user if defined $user;
	my $psql = $self->background_psql('postgres', on_error_stop => 0, %params);
	my $session = bless { psql => $psql }, 'Hms::Session';
	$session->ask('\set VERBOSITY verbose');
	$session->{pid} = $session->value('SELECT pg_backend_pid()');
	return $session;
}


# A session that stays open, and the process that serves it.
package Hms::Session;

use strict;
use warnings;

# Runs SQL; (stdout, stderr).
sub ask
{
	my ($self, $sql) = @_;
	$self->{psql}{stderr} = '';
	my $out = $self->{psql}->query($sql);
	my $err = $self->{psql}{stderr};
	s/^background_psql: (?:ready|QUERY_SEPARATOR(?: \d+)?):?\n?//mg foreach $out, $err;    # some versions leave it there
	return ($out, $err);
}

# What SQL prints; it must succeed.
sub value
{
	my ($self, $sql) = @_;
	my ($out, $err) = $self->ask($sql);
	die "$sql\nfailed: $err" if $err =~ /ERROR|FATAL/;
	return $out;
}

# The error that SQL ends with, as Hms::Db::error gives it.
sub error
{
	my ($self, $sql) = @_;
	my (undef, $err) = $self->ask($sql);
	return Hms::Db::parse_error($err);
}

# Sends SQL without waiting for its end; finish waits.
sub begin
{
	my ($self, $sql) = @_;
	my $psql = $self->{psql};
	$psql->{stdout} = $psql->{stderr} = '';
	$psql->{stdin} .= "$sql;\n\\echo 'finished'\n";
	$psql->{run}->pump_nb;
	return;
}

# Waits for what begin sent; (stdout, stderr).
sub finish
{
	my ($self) = @_;
	my $psql = $self->{psql};
	eval { $psql->{run}->pump } until $psql->{stdout} =~ s/^finished\n\z//m or !$psql->{run}->pumpable;
	my ($out, $err) = @{$psql}{qw(stdout stderr)};
	$psql->{stdout} = $psql->{stderr} = '';
	chomp $out;
	return ($out, $err);
}

# Tests what SQL prints, and how many requests it makes.
sub costs
{
	my ($self, $api, $name, $sql, $want, $requests) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 2;
	my ($out, $err);
	my @seen = $api->during(sub { ($out, $err) = $self->ask($sql) });
	Test::More::is($out, $want, $name) or Test::More::diag($err);
	Test::More::is(scalar @seen, $requests, "$name: $requests requests");
	return;
}

sub quit { my ($self) = @_; $self->{psql}->quit; return }

# How many descriptors the backend has open. Those of relations don't count: PostgreSQL closes them when it likes.
sub fds
{
	my ($self) = @_;
	opendir my $dir, "/proc/$self->{pid}/fd" or die "could not list descriptors of $self->{pid}: $!";
	return scalar grep { !/^\./ && (readlink("/proc/$self->{pid}/fd/$_") // '') !~ m{/pgdata/} } readdir $dir;
}

# How many of them are sockets.
sub sockets
{
	my ($self) = @_;
	return scalar grep { (readlink($_) // '') =~ /^socket:/ } glob "/proc/$self->{pid}/fd/*";
}

# A line of the backend's memory account (VmHWM, RssAnon), in kB. Where AddressSanitizer keeps back what is freed, it is
# what is allocated, or was at most, since this was first asked.
sub memory
{
	my ($self, $what) = @_;
	return $self->allocated($what) if PostgreSQL::Test::Utils::slurp_file("/proc/$self->{pid}/maps") =~ /libasan|clang_rt\.asan/;
	my ($kb) = PostgreSQL::Test::Utils::slurp_file("/proc/$self->{pid}/status") =~ /^$what:\s+(\d+) kB/m;
	return $kb;
}

# What AddressSanitizer has given the backend, by a function that counts from when it is loaded.
sub allocated
{
	my ($self, $what) = @_;
	$self->{counts} //= do {
		chomp(my $headers = `$ENV{PG_CONFIG} --includedir-server`);
		my $library = Hms::preload_of(<<'C', '-I', $headers);
#include "postgres.h"
#include "fmgr.h"

PG_MODULE_MAGIC;
PG_FUNCTION_INFO_V1(allocated);
void		_PG_init(void);

extern int	__sanitizer_install_malloc_and_free_hooks(void (*) (const volatile void *, size_t), void (*) (const volatile void *));
extern size_t __sanitizer_get_allocated_size(const volatile void *);

static int64 now;
static int64 most;

static void
more(const volatile void *pointer, size_t size)
{
	int64		sum = __atomic_add_fetch(&now, size, __ATOMIC_RELAXED);

	if (sum > most)
		most = sum;
}

static void
less(const volatile void *pointer)
{
	if (pointer != NULL)
		__atomic_sub_fetch(&now, __sanitizer_get_allocated_size(pointer), __ATOMIC_RELAXED);
}

void
_PG_init(void)
{
	if (__sanitizer_install_malloc_and_free_hooks(more, less) == 0)
		elog(ERROR, "there is no room for hooks");
}

Datum
allocated(PG_FUNCTION_ARGS)
{
	PG_RETURN_INT64((PG_GETARG_BOOL(0) ? most : now) / 1024);
}
C
		$self->value("CREATE FUNCTION pg_temp.allocated(at_most boolean) RETURNS bigint LANGUAGE c AS '$library'");
		1;
	};
	return $self->value('SELECT pg_temp.allocated(' . ($what eq 'VmHWM' ? 'true' : 'false') . ')');
}

# The seconds for which the backend could have run and other processes had the processors.
sub starved
{
	my ($self) = @_;
	my (undef, $waited) = split ' ', eval { PostgreSQL::Test::Utils::slurp_file("/proc/$self->{pid}/schedstat") } // '0 0';
	return $waited / 1e9;
}

# The processor time that the backend has used, in ticks of 10 ms.
sub ticks
{
	my ($self) = @_;
	my ($rest) = PostgreSQL::Test::Utils::slurp_file("/proc/$self->{pid}/stat") =~ /\) (.*)/s;
	my @field = split / /, $rest;
	return $field[11] + $field[12];
}

1;
