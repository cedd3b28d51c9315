# The report: a page of well-formed HTML that holds what the mirror knows, in which a hostile name is only text; and, where
# Chromium is installed, what a browser makes of it on screen and on paper.

use strict;
use warnings;
use utf8;

use FindBin;
use lib "$FindBin::Bin/lib";

use Encode qw(decode_utf8 encode_utf8);
use Hms;
use PostgreSQL::Test::Utils;
use Test::More;

my $api = Hms::Api->launch;
my $db  = Hms::Db->launch($api, jit => 'off', timezone => 'UTC');
my $dir = PostgreSQL::Test::Utils::tempdir();

my @hostile = ('<script>document.title="pwned"</script>', '"><img src=x onerror="document.title=1">', q{' onload='x}, '<b>&amp;</b>',
	'</title></svg></style><h1>out</h1>', '&lt;i&gt;', "a\tb", 'نور‮abc', 'x' x 300, '');
my %session = (id => 'hostile', room_id => 'hostile-room', active => false, created_at => '2026-01-05T10:00:00Z', updated_at => '2026-01-05T11:00:00Z',
	peers => { map { ("p$_" => { id => "p$_", session_id => 'hostile', name => $hostile[$_], role => "<role $_>", user_id => "<user $_>'\"&", joined_at => sprintf('2026-01-05T10:%02d:00Z', $_ + 1), left_at => sprintf('2026-01-05T10:%02d:30Z', $_ + 20) }) } 0 .. $#hostile });
$api->add(rooms => [ { id => 'hostile-room', name => '<i>room</i>', enabled => true, created_at => '2026-01-01T00:00:00Z' } ], sessions => [ \%session ]);

$db->value(q{CREATE SCHEMA video; SELECT hms_create_mirror('video')});
$db->value(q{CALL hms_sync('video')});

# Writes a report to a file and returns its name.
sub report
{
	my ($name, $arguments) = @_;
	my $html = $db->value("SELECT hms_report_html('video'$arguments)");
	append_to_file("$dir/$name.html", $html);
	return "$dir/$name.html";
}

# What is in a page: the elements in their order, the text, and what is wrong with how they nest.
append_to_file("$dir/read.py", <<'PY');
import html.parser, json, sys
class Page(html.parser.HTMLParser):
    void = {"meta", "line", "path"}
    def __init__(self):
        super().__init__()
        self.open, self.count, self.attributes, self.text, self.faults = [], {}, set(), [], []
    def handle_starttag(self, tag, attributes):
        self.count[tag] = self.count.get(tag, 0) + 1
        self.attributes |= {name for name, _ in attributes}
        if tag not in self.void:
            self.open.append(tag)
    def handle_startendtag(self, tag, attributes):
        self.count[tag] = self.count.get(tag, 0) + 1
        self.attributes |= {name for name, _ in attributes}
    def handle_endtag(self, tag):
        if not self.open or self.open.pop() != tag:
            self.faults.append(tag)
    def handle_data(self, data):
        if "style" not in self.open:
            self.text.append(data)
page = Page()
page.feed(open(sys.argv[1], encoding="utf-8").read())
page.close()
print(json.dumps({"count": page.count, "attributes": sorted(page.attributes), "text": page.text, "faults": page.faults + page.open}))
PY
sub read_page
{
	my ($file) = @_;
	open my $out, '-|', '/usr/bin/python3', "$dir/read.py", $file or die "could not run python3: $!";
	my $page = decode(do { local $/; <$out> });
	close $out;
	return $page;
}

my %elements = map { $_ => 1 } qw(html head meta title style body h1 h2 h3 p div span b bdi section table thead tbody tr th td svg line rect path text);
my %attributes = map { $_ => 1 } qw(lang charset name content http-equiv class style viewbox role aria-label x y x1 x2 y1 y2 d rx width height);

# A room with hostile names.
my $hostile = report(hostile => ", 'hostile-room', '2026-01-01', '2026-02-01'");
{
	my $page = read_page($hostile);
	is_deeply($page->{faults}, [], 'elements are closed as they were opened');
	is_deeply([ grep { !$elements{$_} } sort keys %{ $page->{count} } ], [], 'a name makes no element');
	is_deeply([ grep { !$attributes{$_} } @{ $page->{attributes} } ], [], 'and no attribute');
	my %text = map { $_ => 1 } @{ $page->{text} };
	foreach my $name (@hostile)
	{
		ok($text{$name}, encode_utf8('it is there as text: ' . substr $name, 0, 50)) if length $name;
	}
	ok($text{"<user 9>'\"&"}, 'who has no name is shown by the user id');
	ok($text{'Room <i>room</i>'}, 'the room has its name');
	is($page->{count}{section}, 1, 'a session has its section');
	is($page->{count}{svg}, 1, 'and its chart');
	is($page->{count}{rect}, scalar @hostile, 'with a bar for each stay');
	ok($text{'2026-01-01 00:00 to 2026-02-01 00:00 UTC'}, 'the time is told');
}

# A week of all rooms: what is written is what the views say.
my $week = report(week => ", after => now() - interval '7 days'");
{
	my $page = read_page($week);
	is_deeply($page->{faults}, [], 'a week is well-formed');
	my $usage = $db->rows("SELECT count(*) AS sessions, round(sum(participant_minutes)) AS minutes, max(peak_peers) AS peak, sum(peers) AS stays FROM video.session_usage WHERE started_at >= now() - interval '7 days' AND NOT active")->[0];
	cmp_ok($page->{count}{section}, '>=', $usage->{sessions}, 'each session has its section');
	cmp_ok($page->{count}{rect}, '>=', $usage->{stays}, 'and each stay its bar');
	my $size = -s $week;
	cmp_ok($size, '<', 2_000_000, 'and the page can be mailed');
}
{
	my $room = $db->value('SELECT room_id FROM video.session_usage WHERE NOT active GROUP BY room_id ORDER BY count(*) DESC LIMIT 1');
	my $page = read_page(report(room => ", '$room', before => now() - interval '1 day'"));
	my %text = map { $_ => 1 } @{ $page->{text} };
	my $rows = $db->rows("SELECT name, minutes, to_char(first_joined_at, 'HH24:MI:SS') AS joined FROM video.attendance AS a JOIN video.session_usage AS u USING (session_id) WHERE a.room_id = '$room' AND u.started_at <= now() - interval '1 day'");
	cmp_ok(scalar @$rows, '>', 50, 'a room has an attendance');
	is_deeply([ grep { !$text{ $_->{name} // '' } && length($_->{name} // '') || !grep { $_ == 0 + $rows->[0]{minutes} } map { /^[\d.]+$/ ? $_ : -1 } keys %text } @$rows ], [], 'everybody is on the page');
	is_deeply([ grep { !$text{ $_->{joined} } } @$rows ], [], 'with the time of joining');
}
{
	my $page = read_page(report(none => ", 'hostile-room', '2001-01-01', '2001-02-01'"));
	is_deeply($page->{faults}, [], 'a report of nothing is well-formed');
	ok((grep { /No session began in this time/ } @{ $page->{text} }), 'and says so');
	is($db->error(q{SELECT hms_report_html('public')})->{state}, '42P01', 'a report of no mirror is an error');
	is($db->value(q{SELECT hms_report_html('video', 'no-such-room') IS NOT NULL AND hms_report_html('video', after => now() + interval '1 day') IS NOT NULL}), 't', 'a room that is not there has a page');
}

# The queries of the Grafana dashboard, as Grafana would send them.
{
	my $board = decode(slurp_file("$FindBin::Bin/../docs/grafana/dashboard.json"));
	my $rooms = $db->value("SELECT string_agg(quote_literal(id), ',') FROM video.rooms");
	my $time  = "BETWEEN now() - interval '7 days' AND now()";
	my @panels = @{ $board->{panels} };
	cmp_ok(scalar @panels, '>=', 10, 'the dashboard has its panels');
	foreach my $panel (@panels)
	{
		my $sql = $panel->{targets}[0]{rawSql};
		$sql =~ s/\$\{mirror\}/video/g;
		$sql =~ s/\$room\b/$rooms/g;
		$sql =~ s/\$__timeFilter\(([\w.]+)\)/$1 $time/g;
		$sql =~ s/\$__timeGroupAlias\(([\w.]+), \$bucket, 0\)/date_bin('1 day', $1, '2000-01-01') AS "time"/g;
		unlike($sql, qr/\$/, "its variables are known: $panel->{title}");
		my ($code, $out, $err) = $db->run($sql);
		is($code, 0, "its query runs: $panel->{title}") or diag $err;
		isnt($out, '', 'and finds something');
	}
	is($db->value($board->{templating}{list}[2]{query} =~ s/\$\{mirror\}/video/r) =~ /math-101/, 1, 'its rooms are found');
}

# In a browser.
SKIP:
{
	my ($chromium) = grep { -x } qw(/usr/bin/chromium /usr/bin/chromium-browser /usr/bin/google-chrome);
	skip 'Chromium is not installed', 8 unless $chromium;
	my $run = sub {
		my @command = ('timeout', '60', $chromium, qw(--headless --no-sandbox --disable-gpu --disable-dev-shm-usage --hide-scrollbars --no-first-run --lang=en),
			"--user-data-dir=$dir/profile", @_);
		my ($out, $err);
		run_log(\@command, '<', \'', '>', \$out, '2>', \$err) or diag $err;
		return decode_utf8($out);
	};
	foreach my $report (hostile => 'week')
	{
		my $dom = $run->('--dump-dom', "file://$dir/$report.html");
		unlike($dom, qr/<(?:script|img|i|h1>out)\b/, "a browser finds no element that a name made: $report");
		like($dom, qr{<title>(?:Room &lt;i&gt;room&lt;/i&gt;|All rooms)</title>}, "and the page's own title: $report");
	}
	$run->("--screenshot=$dir/hostile.png", '--window-size=1200,1500', "file://$dir/hostile.html");
	is(substr(slurp_file("$dir/hostile.png"), 0, 4), "\x89PNG", 'it draws the page');
	cmp_ok(-s "$dir/hostile.png", '>', 40_000, 'on which there is something');
	$run->('--no-pdf-header-footer', "--print-to-pdf=$dir/hostile.pdf", "file://$dir/hostile.html");
	my $pdf = slurp_file("$dir/hostile.pdf");
	is(substr($pdf, 0, 4), '%PDF', 'and prints it');
	my $pages = () = $pdf =~ m{/Type\s*/Page\b}g;
	cmp_ok($pages, '<=', 3, 'on as few sheets as it needs') or diag $pages;
}

done_testing();
