# Pages of other sizes than were asked for: a server that gives fewer rows and does not say so, a page that is no page,
# and pages that are too large for hms.max_response_size, which are asked for again with fewer rows.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use Hms;
use PostgreSQL::Test::Utils;
use Test::More;
use Wire;

my $api = Hms::Api->launch;
my $db  = Hms::Db->launch($api, 'hms.retries' => 0);
my $session = $db->session;

# A list of so many rows of so many bytes each; "most" rows a page, and what the page says beside its rows.
sub serve
{
	my (%list) = (most => 1000, size => 10, echo => 1, rows => 'data', cursor => 'last', @_);
	return Wire->launch(sub {
		my ($socket, undef, $head) = @_;
		my ($query) = $head =~ /\?(\S*)/;
		my $asked   = query_of($query);
		my $limit   = $asked->{limit}[0] // 10;
		my $from    = $asked->{start}[0] // 0;
		$from = (($asked->{page}[0] // 1) - 1) * $limit if $list{cursor} eq 'page';
		$limit = $list{most} if $limit > $list{most};
		my $to = $from + $limit < $list{count} ? $from + $limit : $list{count};
		my @rows = map { { id => "r$_", name => 'x' x ($list{sizes}{$_} // $list{size}) } } $from .. $to - 1;
		my %page = ($list{rows} => \@rows, $list{echo} ? (limit => $list{cursor} eq 'next' ? scalar @rows : $limit + 0) : ());
		if ($list{cursor} eq 'page')
		{
			$page{pagination} = { current_page => ($asked->{page}[0] // 1) + 0, has_next => $to < $list{count} ? true : false };
		}
		else
		{
			$page{ $list{cursor} } = $to < $list{count} || $list{cursor} eq 'last' ? "$to" : '';
		}
		my $body = encode(\%page);
		local $SIG{PIPE} = 'IGNORE';
		print $socket "HTTP/1.1 200 OK\r\nContent-Length: " . length($body) . "\r\n\r\n$body";
		return 1;
	});
}

# What a query gives over such a server, and the limits that it asked for.
sub over
{
	my ($wire, $sql) = @_;
	$wire->clear;
	my ($out, $err) = $session->ask("SET hms.api_url = '" . $wire->url . "'; $sql");
	my $error = Hms::Db::parse_error($err);
	my @limits = map { /[?&]limit=(\d+)/ ? $1 : '' } $wire->requests;
	$session->value('RESET hms.api_url');
	return ($error->{state} ne '' ? $error->{state} : $out, "@limits", $error);
}

# Every row once: their number, and the number of different ones.
my $count = "count(*) || ' ' || count(DISTINCT id)";

# A server that caps its pages and says nothing of it.
{
	my $wire = serve(count => 55, most => 20, echo => 0);
	my ($rows, $limits) = over($wire, "SELECT $count FROM hms_sessions()");
	is("$rows: $limits", '55 55: 100 100 100 100', 'pages of 20, no limit told: all rows, up to the empty page');
	($rows, $limits) = over($wire, q[SELECT count(*) FROM hms_api_list('/x')]);
	is($rows, 55, 'through hms_api_list too');
	($rows) = over($wire, q[SELECT count(*) FROM hms_api_list('/x', '{"limit": 10}')]);
	is($rows, 55, 'and with a limit of its own');
	($rows) = over($wire, q[SELECT count(*) FROM (SELECT FROM hms_sessions() LIMIT 20) s]);
	is($rows . ' ' . $wire->requests, '20 1', 'LIMIT asks for no page more');
	$wire->stop;
}
{
	my $wire = serve(count => 55);
	my ($rows, $limits) = over($wire, q[SELECT count(*) FROM hms_api_list('/x', '{"limit": 10}')]);
	is("$rows: $limits", '55: 10 10 10 10 10 10', 'hms_api_list with a limit of its own: all rows, in pages of that');
	$wire->stop;
}

# What lacks its rows is no page, whatever else it has.
foreach my $body ('{"limit": 100, "last": "abc"}', '{"limit": 100}', '{"last": ""}', '{}', '{"events": []}')
{
	foreach my $sql ('SELECT count(*) FROM hms_sessions()', $body =~ /events/ ? () : "SELECT count(*) FROM hms_api_list('/sessions')")
	{
		$api->faults({ raw_body => $body, times => 0 });
		is($session->error($sql)->{state}, '08P01', "$body is no page: $sql");
	}
}
$api->faults({ raw_body => '{"limit": 10, "next": ""}', times => 0 });
is($session->error("SELECT count(*) FROM hms_track_events('r')")->{state}, '08P01', 'nor of events');
$api->faults;

# Pages that are too large. 100 rows of 10 kB are 1 MB.
$session->value("SET hms.max_response_size = '300kB'");
foreach my $kind (['last', 'hms_sessions()', 'data'], ['next', "hms_track_events('r')", 'events'])
{
	my ($cursor, $function, $rows) = @$kind;
	my $wire = serve(count => 120, size => 10_000, cursor => $cursor, rows => $rows);
	my ($got, $limits) = over($wire, "SELECT $count FROM $function");
	is($got, '120 120', "$cursor: pages that are too large are asked for with fewer rows: every row once");
	like($limits, qr/^100 50 25 25 25 25 25\b/, "$cursor: the page that fits is known from then on ($limits)");
	($got, $limits) = over($wire, "SELECT id FROM $function LIMIT 1");
	is("$got: $limits", 'r0: 100 50 25', "$cursor: with LIMIT 1 as well");
	$wire->stop;

	# one large row among small ones: the pages after it are whole again
	$wire = serve(count => 500, size => 100, sizes => { 150 => 250_000, 160 => 250_000 }, cursor => $cursor, rows => $rows);
	($got, $limits) = over($wire, "SELECT $count FROM $function");
	is($got, '500 500', "$cursor: two large rows among small ones: every row once");
	like($limits, qr/^100 100 50 .*\b100\b/, "$cursor: and whole pages after them ($limits)");
	$wire->stop;
}
{
	my $wire = serve(count => 130, size => 10_000, cursor => 'page');
	my ($got, $limits) = over($wire, "SELECT count(*) || ' ' || count(DISTINCT v ->> 'id') FROM hms_api_list('/x') v");
	is($got, '130 130', "pages by number: every row once ($limits)");
	$wire->stop;
}

# Several rooms at once, each with its own pages.
{
	my $wire = serve(count => 60, size => 10_000, cursor => 'next', rows => 'events');
	my ($got) = over($wire, "SELECT count(*) || ' ' || count(DISTINCT id) FROM hms_track_events(ARRAY['a', 'b', 'c'])");
	is($got, '180 60', 'several rooms at once: every row of each');
	$wire->stop;
}

# The smallest page is too large as well: the error says what to set.
{
	my $wire = serve(count => 20, size => 40_000);
	foreach my $sql ('SELECT count(*) FROM hms_sessions()', 'SELECT id FROM hms_sessions() LIMIT 1')
	{
		my ($state, $limits, $error) = over($wire, $sql);
		is("$state: $limits", '08P01: 100 50 25 12 10', "the smallest page is too large: $sql");
		like($error->{hint}, qr/page of 10 rows.*hms\.page_size.*hms\.max_response_size/, 'and the hint names both settings');
	}
	my ($state, $limits, $error) = over($wire, q[SELECT count(*) FROM hms_api_list('/x', '{"limit": 50}')]);
	is("$state: $limits", '08P01: 50', 'a limit of the caller is kept');
	like($error->{hint}, qr/hms\.max_response_size/, 'and the hint names the setting');
	$wire->stop;
}

$session->quit;
done_testing();
