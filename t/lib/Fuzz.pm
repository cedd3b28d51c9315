# Mutated answers into a real backend, for script/fuzz and for a short run among the tests.
#
#   my $fuzz = Fuzz->launch(seed => 1);
#   my $problem = $fuzz->run($from, $to);    # undef, or what went wrong, with the number of the answer

package Fuzz;

use strict;
use warnings;

use Hms;
use HTTP::Tiny;

# The calls that each answer is given to. Two that differ only in the columns they look at must agree.
my @calls = (
	["SELECT count(*) FROM hms_rooms()", "SELECT count(r::text) FROM hms_rooms() r"],
	["SELECT count(*) FROM hms_sessions('r')", "SELECT count(s::text) FROM hms_sessions('r') s"],
	["SELECT count(*) FILTER (WHERE id IS NULL OR id <> 'x') FROM hms_track_events('r')", "SELECT count(e::text) FROM hms_track_events('r') e"],
	["SELECT count(user_id) * 0 + count(*) FROM hms_session_peers('r')", "SELECT count(p::text) FROM hms_session_peers('r') p"],
	["SELECT count(*) FROM hms_active_peers('r')", "SELECT count(p::text) FROM hms_active_peers('r') p"],
	["SELECT count(*) FROM hms_room('r')", "SELECT count(r::text) FROM hms_room('r') r"],
	["SELECT count(*) FROM (SELECT FROM hms_api_list('/x') LIMIT 50) q"],
	["SELECT (hms_api_get('/x') IS NOT NULL)::int"],
	["SELECT (hms_create_room() IS NOT NULL)::int"],
	["SELECT count(hms_end_room('r'))"]);

sub launch
{
	my ($class, %option) = @_;
	my $seed = $option{seed} // 1;
	my $top  = $ENV{top_builddir} // '.';
	my $self = bless { seed => $seed }, $class;
	$self->{pid} = open($self->{out}, '-|', qw(setpriv --pdeathsig TERM /usr/bin/python3), "$top/test/fuzz/pages.py", "$top/test/fuzz/answers", '--seed', $seed)
	  or die "could not start the server: $!";
	my $line = readline($self->{out}) // die 'the server ended before it listened';
	($self->{url}) = $line =~ m{listening on (\S+)};
	$self->{db} = Hms::Db->launch({ url => "$self->{url}/0/v2", access_key => 'key', secret => "fuzz-secret-$$" },
		'hms.retries' => 0, 'hms.max_response_size' => '1MB', log_statement => 'none', log_min_messages => 'fatal', client_min_messages => 'error');
	my $array = join ', ', map { 'ARRAY[' . join(', ', map { "\$q\$$_\$q\$" } $_->[0], $_->[1] // $_->[0]) . ']' } @calls;
	$self->{db}->value(<<"SQL");
CREATE FUNCTION outcome(query text) RETURNS text LANGUAGE plpgsql AS \$\$
DECLARE
	rows bigint;
	detail text;
	hint text;
BEGIN
	EXECUTE query INTO rows;
	RETURN rows;
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
	IF SQLERRM || detail || hint ~ 'eyJ|fuzz-secret' OR SQLERRM || detail ~ '[[:cntrl:]]' THEN
		RETURN 'SHOWN: ' || SQLERRM || detail;
	END IF;
	RETURN SQLSTATE;
END \$\$;
CREATE FUNCTION problem(first int, last int) RETURNS text LANGUAGE plpgsql AS \$\$
DECLARE
	calls text[] := ARRAY[$array];
	a text;
	b text;
BEGIN
	FOR n IN first .. last LOOP
		PERFORM set_config('hms.api_url', '$self->{url}/' || n || '/v2', false);
		FOR i IN 1 .. array_length(calls, 1) LOOP
			a := outcome(calls[i][1]);
			CONTINUE WHEN a ~ '^\\d{1,4}\$' AND calls[i][1] = calls[i][2];
			b := outcome(calls[i][2]);
			IF a <> b OR a !~ '^(\\d{1,4}|08P01|MS\\d\\d\\d)\$' THEN
				RETURN format('answer %s: %s gave %s, %s gave %s', n, calls[i][1], a, calls[i][2], b);
			END IF;
		END LOOP;
	END LOOP;
	RETURN NULL;
END \$\$;
SQL
	$self->{session} = $self->{db}->session;
	return $self;
}

# The first thing that goes wrong between two answers.
sub run
{
	my ($self, $from, $to) = @_;
	my $found = eval { $self->{session}->value("SELECT problem($from, $to)") };
	return $found eq '' ? undef : $found if defined $found;
	return "an answer between $from and $to: $@";
}

# An answer, as it was sent.
sub answer
{
	my ($self, $number) = @_;
	return HTTP::Tiny->new->get("$self->{url}/$number/x")->{content};
}

sub stop
{
	my ($self) = @_;
	eval { $self->{session}->quit };
	local $?;
	kill 'TERM', $self->{pid};
	close $self->{out};
	return;
}

1;
