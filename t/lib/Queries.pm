# Random queries over lists of 100ms and over plain tables of the same rows, which must agree: for script/fuzz and for
# a few hundred among the tests.
#
#   my $queries = Queries->launch(seed => 1);
#   my $problem = $queries->run($from, $to);    # undef, or the query and what is wrong with it

package Queries;

use strict;
use warnings;

use Hms;

# What is read: columns by kind, and ways to read it beside the plain table. KEY is a room or an array of rooms.
my %relation = (
	rooms => { text => [qw(id name template_id region)], flag => [qw(enabled large_room)], time => [qw(created_at updated_at)],
		ways => [ 'live.rooms', 'hms_rooms()', 'made.rooms' ] },
	sessions => { text => [qw(id room_id app_id)], flag => ['active'], time => [qw(created_at updated_at)],
		ways => [ 'live.sessions', 'hms_sessions()', 'made.sessions', 'hms_sessions(ARRAY(SELECT id FROM all_rooms))' ] },
	stays => { text => [qw(id session_id room_id user_id name role)], flag => ['session_active'],
		time => [qw(joined_at left_at session_created_at session_updated_at)], ways => ['live.stays'] },
	peers => { text => [qw(id session_id room_id user_id role)], flag => [], time => [qw(joined_at left_at)], ways => [ 'live.session_peers', 'hms_session_peers()' ] },
	recordings => { text => [qw(id room_id session_id status)], flag => [], time => ['created_at'], ways => [ 'live.recordings', 'hms_recordings()' ] },
	assets => { text => [qw(id room_id session_id type status)], flag => [], time => ['created_at'], ways => ['live.recording_assets'] },
	codes  => { text => [qw(code room_id role)], flag => ['enabled'], time => ['created_at'], ways => ['live.room_codes'] },
	actives => { text => [qw(id room_id user_id name role)], flag => [], time => ['joined_at'], ways => ['live.active_peers'] },
	events => { text => [qw(id type room_id session_id peer_id user_id role)], flag => ['mute'], time => [qw(timestamp joined_at)],
		ways => [ "(SELECT * FROM live.track_events WHERE room_id IN ('odd', 'odd.2', 'small'))", "hms_track_events(ARRAY['small', 'odd', 'odd.2', 'odd'])" ] },
	errors => { text => [qw(id type room_id session_id user_id error_name)], flag => ['is_terminal'], time => ['timestamp'], ways => ['live.error_events'] });

my @switches = qw(hashjoin mergejoin nestloop material memoize sort hashagg incremental_sort);

# Odd rows: flags and ids that are not there, times between milliseconds and of one instant, texts that stand for others.
sub _odd_world
{
	my $day = '2026-03-01T10:00:00';
	my @rooms = map { { id => $_, name => $_, created_at => "$day.000Z", template_id => 't1' } } 'odd', 'odd.2', 'small';
	$rooms[0]{enabled} = Hms::true;
	$rooms[1]{enabled} = Hms::false;
	$rooms[2]{name}    = 'SmAll';
	my @sessions;
	foreach my $n (0 .. 39)
	{
		my %session = (id => "odd-$n", room_id => (qw(odd odd.2 small))[$n % 3],
			created_at => $day . ('.000Z', '.001Z', '.0005Z', '.000999Z', '.999Z', 'Z')[$n % 6], updated_at => "$day.123456Z");
		$session{active} = $n % 2 ? Hms::true : Hms::false if $n % 4;
		$session{peers} = { map { ("p$n-$_" => { id => "p$n-$_", name => "n$_", user_id => ('', "u$_", undef)[$_ % 3], role => 'teacher',
					joined_at => "$day.${_}Z" }) } 0 .. $n % 4 };
		push @sessions, \%session;
	}
	my @types = qw(track.add.success track.update.success track.remove.success client.join.failed);
	my @events = map {
		{ id => "e$_", version => '2.0', timestamp => "$day.${_}Z", type => $types[ $_ % 4 ],
			data => { room_id => (qw(odd odd.2 small))[ $_ % 3 ], session_id => "odd-" . $_ % 5, peer_id => "p$_", mute => ($_ % 2 ? Hms::true : Hms::false),
				user_id => ("u" . $_ % 3, '', undef, "a\0b", "\x{fffd}'")[ $_ % 5 ], role => 'x' } } } 0 .. 59;
	return (rooms => \@rooms, sessions => \@sessions, events => \@events);
}

sub launch
{
	my ($class, %option) = @_;
	my $api  = Hms::Api->launch;
	my $db   = Hms::Db->launch($api, log_statement => 'none', statement_timeout => '120s', client_min_messages => 'error');
	my $self = bless { api => $api, db => $db, seed => $option{seed} // 1 }, $class;
	$api->add(_odd_world());
	$self->{session} = $db->session;
	$self->{session}->value('SELECT setseed(0.5)');
	my %plain = (peers => 'session_peers', assets => 'recording_assets', codes => 'room_codes', actives => 'active_peers', events => 'track_events', errors => 'error_events');
	$self->{session}->value(<<'SQL' . join ';', map { my $from = $plain{$_} // $_; "CREATE TABLE all_$_ AS SELECT * FROM live.$from" . ($_ eq 'events' ? " WHERE room_id IN ('odd', 'odd.2', 'small')" : '') } sort keys %relation);
CREATE SCHEMA live; IMPORT FOREIGN SCHEMA api FROM SERVER hms INTO live;
CREATE SCHEMA made;
CREATE FOREIGN TABLE made.rooms (created_at timestamptz, id varchar, region text, extra2 jsonb OPTIONS (column_name 'webhook'), name text,
	template_id text, enabled boolean, large_room boolean, updated_at timestamptz) SERVER hms OPTIONS (endpoint 'rooms');
CREATE FOREIGN TABLE made.sessions (active boolean, id text, updated_at timestamptz, room_id text, app_id text, created_at timestamptz) SERVER hms OPTIONS (endpoint 'sessions');
CREATE TABLE lesson (n int, room text, at timestamptz, flag boolean);
INSERT INTO lesson VALUES (1, 'odd', '2026-03-01 10:00:00.0005+00', true), (2, 'small', '2026-03-01 10:00:00+00', false), (3, NULL, NULL, NULL),
	(4, 'nosuch', 'infinity', true), (5, 'odd', '-infinity', false), (6, '', '2020-01-01', NULL);
SQL
	$self->{session}->value('ANALYZE');
	foreach my $name (keys %relation)
	{
		foreach my $column (@{ $relation{$name}{text} })
		{
			my $out = $self->{session}->value("SELECT string_agg(DISTINCT quote_literal($column), '~') FROM (SELECT $column FROM all_$name t ORDER BY t::text LIKE '%odd%' AND random() < 0.5 DESC, md5($column) LIMIT 12) q");
			$self->{values}{$name}{$column} = [ split /~/, $out ];
		}
		foreach my $column (@{ $relation{$name}{time} })
		{
			my $out = $self->{session}->value("SELECT string_agg(DISTINCT quote_literal($column), '~') FROM (SELECT $column FROM all_$name t ORDER BY t::text LIKE '%odd%' DESC, md5(${column}::text) LIMIT 12) q");
			$self->{values}{$name}{$column} = [ split /~/, $out ];
		}
	}
	return $self;
}

# --- the pieces of a query; what is random comes from the number of the query

sub _pick { my ($self, @of) = @_; return $of[ int rand @of ] }
sub _chance { my ($self, $of) = @_; return rand() < 1 / $of }

# A value as a constant, a parameter of the statement, an expression or a sub-select.
sub _form
{
	my ($self, $value, $type) = @_;
	return "${value}::$type" if rand() < 0.5;
	if (rand() < 0.5)
	{
		push @{ $self->{params} }, [ $value, $type ];
		return '$' . @{ $self->{params} };
	}
	return $self->_pick("(SELECT ${value}::$type)", "coalesce(${value}::$type, NULL)", "(SELECT max(x) FROM (VALUES (${value}::$type)) v (x))", "CASE WHEN now() > '2000-01-01' THEN ${value}::$type END");
}

sub _text
{
	my ($self, $name, $column) = @_;
	return $self->_pick("'nosuch'", "''", "'..'", 'NULL', "U&'\\FFFD'", "'a b&c=d/e'") if $self->_chance(6);
	return $self->_pick(@{ $self->{values}{$name}{$column} || ["'x'"] }, "'x'");
}

sub _time
{
	my ($self, $name, $column) = @_;
	return $self->_pick("'infinity'", "'-infinity'", 'NULL', "'0001-01-01'", "'12000-01-01'", "'4000-01-01 BC'") if $self->_chance(8);
	my @known = @{ $self->{values}{$name}{$column} };
	my $at = @known && $self->_chance(3) ? $self->_pick(@known) : "'2026-03-01 10:00:00+00'";
	my $by = $self->_pick('0', '1 microsecond', '500 microseconds', '999 microseconds', '1 millisecond', '999 milliseconds', '-1 microsecond', '-30 days');
	return "(timestamptz $at + interval '$by')";
}

# A condition on one relation; "outer" are columns of others, by kind.
sub _condition
{
	my ($self, $alias, $name, $outer) = @_;
	my $r    = $relation{$name};
	my $kind = $self->_pick(('text') x 4, (@{ $r->{flag} } ? ('flag') x 2 : ()), ('time') x 3, $self->_chance(3) ? 'or' : ());
	if ($kind eq 'or')
	{
		my @of = map { $self->_condition($alias, $name, $outer) } 0, 1;
		return $self->_pick("($of[0] OR $of[1])", "NOT ($of[0])", "(($of[0]) IS TRUE)", "($of[0] AND $of[1])", "(($of[0]) IS NOT FALSE)");
	}
	my $column = $self->_pick(@{ $r->{$kind} });
	my $c      = "$alias.$column";
	if ($outer && $outer->{$kind} && $self->_chance(2))
	{
		my $other = $self->_pick(@{ $outer->{$kind} });
		my $op = $kind eq 'time' ? $self->_pick(qw(>= <= > < =)) : '=';
		return $self->_pick("$c $op $other", "$other $op $c", $kind eq 'text' ? "$c IN ($other, 'small')" : "$c $op $other");
	}
	if ($kind eq 'flag')
	{
		return $self->_pick($c, "NOT $c", "$c IS TRUE", "$c IS FALSE", "$c IS NOT TRUE", "$c IS NOT FALSE", "$c IS NULL", "$c = true", "$c = false", "$c <> true",
			"$c = " . $self->_form($self->_pick(qw(true false NULL)), 'boolean'), "$c IN (true, NULL)");
	}
	if ($kind eq 'time')
	{
		my $value = sub { $self->_form($self->_time($name, $column), 'timestamptz') };
		return $self->_pick("$c " . $self->_pick(qw(>= <= > < = <>)) . ' ' . $value->(), $value->() . ' ' . $self->_pick(qw(>= <= > <)) . " $c",
			"$c BETWEEN " . $value->() . ' AND ' . $value->(), "$c >= date '2026-03-01'", "$c < timestamp '2026-03-01 10:00:00.0005'", "$c > now() - interval '40 days'",
			"$c = ANY (ARRAY[" . $value->() . ', ' . $value->() . '])', "$c IS NULL", "date_trunc('second', $c) = " . $value->());
	}
	my $value = sub { $self->_form($self->_text($name, $column), 'text') };
	my $list  = sub { join ', ', map { $value->() } 0 .. int rand 4 };
	return $self->_pick(("$c = " . $value->()) x 3, $value->() . " = $c", "$c IN (" . $list->() . ')', "$c = ANY (ARRAY[" . $list->() . ']::text[])', "$c = ANY ('{}'::text[])",
		"$c <> " . $value->(), "$c NOT IN (" . $list->() . ')', "$c IS NULL", "$c = " . $value->() . ' COLLATE "C"', "${c}::varchar = " . $value->(),
		"$c = ANY (ARRAY(SELECT room FROM lesson))", "lower($c) = " . $value->(), "$c LIKE 'o%'", "$c IN (SELECT room FROM lesson WHERE n < " . int(rand 7) . ')',
		"$c = ANY (NULL::text[])", ($column eq 'user_id' ? ("$c = U&'a\\FFFDb'", "$c IN ('u1', U&'a\\FFFDb')") : ()),
		($column eq 'type' ? ("$c = 'client.join.failed'", "$c IN ('client.join.failed', 'track.add.success')") : ()));
}

sub _conditions
{
	my ($self, @args) = @_;
	return 'true' if $self->_chance(6);
	return join ' AND ', map { $self->_condition(@args) } 0 .. int rand 3;
}

# Columns of an alias by kind, as "outer" takes them.
sub _columns
{
	my ($alias, $name) = @_;
	return { map { my $kind = $_; ($kind => [ map { "$alias.$_" } @{ $relation{$name}{$kind} } ]) } grep { @{ $relation{$name}{$_} } } qw(text flag time) };
}

my $lesson = { text => ['l.room'], time => ['l.at'], flag => ['l.flag'] };

# A relation; "@name:alias@" is replaced by one of its ways to be read.
sub _relation { my ($self, $alias) = @_; my $name = $self->_pick(qw(sessions sessions sessions rooms rooms stays events events), sort keys %relation); return ($name, "\@$name\@ AS $alias") }

sub _query
{
	my ($self) = @_;
	my ($n1, $r1) = $self->_relation('a');
	my ($n2, $r2) = $self->_relation('b');
	my $id = sub { $_[1] eq 'codes' ? "$_[0].code" : "$_[0].id" };
	my ($id1, $id2) = ($id->('a', $n1), $id->('b', $n2));
	my $c1 = $self->_conditions('a', $n1);
	my $c2 = $self->_conditions('b', $n2);
	my $cl = $self->_conditions('a', $n1, $lesson);
	my $cj = $self->_conditions('b', $n2, _columns('a', $n1));
	my $inner = $self->_pick($id2, 'count(*)::text', "max($id2)");
	my @shapes = (
		"SELECT $id1 FROM $r1 WHERE $c1",
		"SELECT a FROM (SELECT * FROM $r1 WHERE $c1) a",
		"SELECT count(*), min($id1), max($id1) FROM $r1 WHERE $c1",
		"SELECT l.n, $id1 FROM lesson l JOIN $r1 ON $cl",
		"SELECT l.n, $id1 FROM lesson l LEFT JOIN $r1 ON $cl WHERE l.n < 5",
		"SELECT l.n, $id1 FROM lesson l RIGHT JOIN $r1 ON l.room = $id1 OR l.n = 1 AND ($c1)",
		"SELECT l.n, q.x FROM lesson l, LATERAL (SELECT $id1 AS x FROM $r1 WHERE $cl) q",
		"SELECT l.n, q.x FROM lesson l LEFT JOIN LATERAL (SELECT $id1 AS x FROM $r1 WHERE $cl) q ON q.x <> 'odd-1'",
		"SELECT l.n FROM lesson l WHERE EXISTS (SELECT FROM $r1 WHERE $cl)",
		"SELECT l.n FROM lesson l WHERE NOT EXISTS (SELECT FROM $r1 WHERE $cl)",
		"SELECT l.n, (SELECT count(*) FROM $r1 WHERE $cl) FROM lesson l",
		"SELECT l.n FROM lesson l WHERE l.room IN (SELECT a.$relation{$n1}{text}[1] FROM $r1 WHERE $c1)",
		"SELECT l.n FROM lesson l WHERE l.room NOT IN (SELECT a.$relation{$n1}{text}[1] FROM $r1 WHERE $c1)",
		"SELECT $id1, $id2 FROM $r1 JOIN $r2 ON $cj AND a.$relation{$n1}{text}[1] = b.$relation{$n2}{text}[1] WHERE $c1",
		"SELECT $id1, (SELECT $inner FROM $r2 WHERE $cj ORDER BY 1 LIMIT 1) FROM $r1 WHERE $c1 AND $id1 < '3'",
		"SELECT $id1 FROM $r1 WHERE $c1 UNION ALL SELECT $id2 FROM $r2 WHERE $c2",
		"SELECT $id1 FROM $r1 WHERE $c1 EXCEPT SELECT $id2 FROM $r2 WHERE $c2",
		"WITH w AS " . $self->_pick('', 'MATERIALIZED', 'NOT MATERIALIZED') . " (SELECT * FROM $r1 WHERE $c1) SELECT count(*) FROM w a, w b WHERE $id1 = " . $id->('b', $n1),
		"SELECT $id1, row_number() OVER (PARTITION BY a.$relation{$n1}{text}[1] ORDER BY $id1, a::text) FROM $r1 WHERE $c1",
		"SELECT * FROM (SELECT $id1 AS x FROM $r1 WHERE $c1 ORDER BY 1 LIMIT 7) q ORDER BY 1 OFFSET 2",
		"SELECT a.$relation{$n1}{text}[1], count(*) FROM $r1 WHERE $c1 GROUP BY 1 HAVING count(*) > 1",
		"SELECT l.n, m.n, $id1 FROM lesson l JOIN lesson m ON l.n = m.n + 1, LATERAL (SELECT * FROM $r1 WHERE $cl AND a.$relation{$n1}{text}[0] <> coalesce(m.room, '')) a");
	return $self->_pick(@shapes);
}

# The query with each relation read in some way: plain, or one of the others.
sub _read
{
	my ($self, $query, $plain) = @_;
	$query =~ s/\@(\w+)\@/$plain ? "all_$1" : $self->_pick(@{ $relation{$1}{ways} })/ge;
	return $query;
}

# One query in both forms, with what is set for it.
sub make
{
	my ($self, $number) = @_;
	srand($self->{seed} * 1_000_003 + $number);
	$self->{params} = [];
	my $query  = $self->_query;
	my @off    = grep { $self->_chance(4) } @switches;
	my $set    = join '', (map { "SET enable_$_ = off; " } @off), $self->_chance(2) ? 'SET plan_cache_mode = force_generic_plan; ' : '';
	my @params = @{ $self->{params} };
	my $all    = sub {
		my $sql = "SELECT count(*) || ' ' || coalesce(md5(string_agg(t, ',' ORDER BY t COLLATE \"C\")), '') FROM (SELECT q::text AS t FROM ($_[0]) q) z";
		return $sql unless @params;
		my ($types, $values) = (join(', ', map { $_->[1] } @params), join(', ', map { "$_->[0]::$_->[1]" } @params));
		return "PREPARE p ($types) AS $sql; EXECUTE p ($values)";
	};
	# whole rows of tables made otherwise differ in their columns
	my $live = $self->_read($query, 0);
	$live = $self->_read($query, 0) while $live =~ /made\./ && $query =~ /SELECT a FROM|a::text/;
	return ($set, $all->($self->_read($query, 1)), $all->($live));
}

# A session, a new one now and then: psql is given no more than some minutes.
sub _session
{
	my ($self, $number) = @_;
	return $self->{session} if $number % 100;
	$self->{session}->quit;
	return $self->{session} = $self->{db}->session;
}

# What is wrong with one of these queries, or undef.
sub run
{
	my ($self, $from, $to) = @_;
	foreach my $number ($from .. $to)
	{
		my $session = $self->_session($number);
		my ($set, $plain, $live) = $self->make($number);
		my ($want, $wrong) = $session->ask("DEALLOCATE ALL; $plain");
		my ($got, $error) = $session->ask("DEALLOCATE ALL; $set$live; RESET ALL");
		$_ = (split /\n/, $_ // '')[0] // '' foreach $want, $got;
		if ($wrong =~ /ERROR/)
		{
			$self->{skipped}++;
			$session->ask('RESET ALL');
			next;
		}
		next if $error !~ /ERROR|FATAL|server closed/ && $want eq $got;
		$session->ask('RESET ALL');
		return "query $number: $want, but $got $error\n$set$live";
	}
	return;
}

sub stop { my ($self) = @_; $self->{session}->quit; $self->{db}->stop; $self->{api}->stop; return }

1;
