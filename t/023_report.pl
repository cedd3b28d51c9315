# The report: a page of well-formed HTML that holds what the mirror knows, in which a hostile name is only text; the same
# rows as CSV; and, where Chromium is installed, what a browser makes of it on a phone, on a screen and on paper.

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
$db->value(q{CALL hms_sync('video', quality => true)});

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

my %elements = map { $_ => 1 } qw(html head meta title style body h1 h2 h3 h4 p div span b bdi section table thead tbody tr th td svg line rect path text);
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
	is($page->{count}{svg}, 2, 'and its charts');
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
	my $rows = $db->rows("SELECT name, minutes::text, round(extract(epoch FROM present) / 60) AS present, to_char(first_joined_at, 'HH24:MI:SS') AS joined FROM video.attendance AS a JOIN video.session_usage AS u USING (session_id) WHERE a.room_id = '$room' AND u.started_at <= now() - interval '1 day'");
	cmp_ok(scalar @$rows, '>', 50, 'a room has an attendance');
	is_deeply([ grep { !$text{ $_->{name} // '' } && length($_->{name} // '') || !$text{ $_->{minutes} } } @$rows ], [], 'everybody is on the page, with the device minutes');
	is_deeply([ grep { !$text{ sprintf '%d:%02d', $_->{present} / 60, $_->{present} % 60 } } grep { $_->{present} >= 1 } @$rows ], [], 'and how long each was present, in h:mm');
	ok($text{"\x{2013}"}, 'a dash stands where there is no data');
	is_deeply([ grep { !$text{ $_->{joined} } } @$rows ], [], 'with the time of joining');
}
# A hall with 200 people over midnight, of whom some come twice; connections and errors beside it, as a mirror may have them.
$db->value(<<'SQL');
CREATE SCHEMA big;
SELECT hms_create_mirror('big');
INSERT INTO big.rooms (id, name, enabled) VALUES ('hall', 'Assembly hall', true);
INSERT INTO big.sessions (id, room_id, active, created_at, updated_at) VALUES ('evening', 'hall', false, '2026-01-12 22:40+00', '2026-01-13 00:25+00');
INSERT INTO big.session_peers (id, session_id, room_id, user_id, name, role, joined_at, left_at)
	SELECT 'p' || n || '-' || k, 'evening', 'hall', 'user-' || n, (ARRAY['Amelie', '=1+1', 'Maximiliane Freifrau von Oberhausen-Tiefenbach'])[1 + n % 3] || ' ' || n,
		CASE WHEN n <= 3 THEN 'host' ELSE 'guest' END,
		t.at, t.at + CASE WHEN n <= 40 AND k = 1 THEN interval '105 minutes' ELSE interval '50 minutes' END
	FROM generate_series(1, 200) n, generate_series(1, 2) k,
		LATERAL (SELECT '2026-01-12 22:40+00'::timestamptz + (n % 10) * interval '1 minute' + (k - 1) * interval '40 minutes') AS t (at)
	WHERE k = 1 OR n % 4 = 0;
INSERT INTO big.session_peers (id, session_id, room_id, name, role, joined_at, left_at) VALUES ('bot', 'evening', 'hall', 'Recorder', '__internal_recorder', '2026-01-12 22:40+00', '2026-01-13 00:25+00');
CREATE TABLE IF NOT EXISTS big.peer_quality (room_id text, session_id text, peer_id text, user_id text, name text, direction text, samples integer,
	loss_p50 double precision, loss_p95 double precision, rtt_p50 double precision, rtt_p95 double precision, jitter_p50 double precision,
	jitter_p95 double precision, bitrate_p50 double precision, bitrate_p95 double precision, freezes bigint);
INSERT INTO big.peer_quality (room_id, session_id, peer_id, name, direction, samples, loss_p95, rtt_p95, bitrate_p50, freezes)
	VALUES ('hall', 'evening', 'p1-1', '<b>bad line</b>', 'publish', 5, 7.77, 321.4, 250000, NULL), ('hall', 'evening', 'p1-1', '<b>bad line</b>', 'subscribe', 5, 0.5, NULL, 640000, 12),
		('hall', 'evening', 'p2-1', 'good line', 'publish', 5, 0.1, 20, 900000, NULL);
CREATE TABLE IF NOT EXISTS big.error_events (LIKE hms_error_event);
INSERT INTO big.error_events (id, room_id, "timestamp", type, user_id, error_code, error_name, agent) VALUES
	('e1', 'hall', '2026-01-12 23:00+00', 'client.join.failed', 'user-1', 500, '<i>ServerErrors', '{"sdk": "web", "sdk_version": "1.2"}'),
	('e2', 'hall', '2026-01-12 23:10+00', 'client.join.failed', 'user-2', 500, '<i>ServerErrors', '{"sdk": "web", "sdk_version": "1.2"}');
SQL
{
	open my $file, '>:encoding(UTF-8)', "$dir/hall.html" or die $!;
	print $file Encode::decode_utf8($db->value("SELECT hms_report_html('big', 'hall')"));
	close $file;
	my $page = read_page("$dir/hall.html");
	is_deeply($page->{faults}, [], 'a hall is well-formed');
	my %text = map { $_ => 1 } @{ $page->{text} };
	my $after = sub { my ($label) = @_; my @all = @{ $page->{text} }; my ($at) = grep { $all[$_] eq $label } 1 .. $#all; return defined $at ? $all[$at - 1] : undef };
	is($after->('people'), 200, 'how many people, without the recorder');
	my $average = $db->value("SELECT round(avg(extract(epoch FROM present)) / 60) FROM big.attendance");
	is($after->('present on average'), sprintf('%d:%02d', $average / 60, $average % 60), 'how long on average');
	is($after->('came late'), $db->value("SELECT count(*) FROM big.attendance WHERE first_joined_at > '2026-01-12 22:45+00'"), 'who came late');
	is($after->('left early'), $db->value("SELECT count(*) FROM big.attendance WHERE last_left_at < '2026-01-13 00:20+00'"), 'who left early');
	is($after->('most at once, at ' . $db->value("SELECT to_char(peak_at, 'HH24:MI') FROM big.session_usage")), $db->value('SELECT peak_peers FROM big.session_usage'),
		'when the most were there');
	ok($text{host} && $text{guest}, 'roles have their own figures');
	ok((grep { /^01-13 00:/ } keys %text), 'a session over midnight has dates');
	is($page->{count}{svg}, 1 + 7, 'the chart comes in pieces of 30 lines');
	is($page->{count}{rect}, 250, 'with a bar for each stay');
	ok($text{'<b>bad line</b>'} && $text{'7.8'} && $text{321} && $text{250} && $text{12}, 'how the connections did');
	ok($text{'500 <i>ServerErrors'} && $text{'web 1.2'}, 'what went wrong');
	ok(!$text{'Joins and leaves'}, 'joins and leaves are not asked for');
	my $with = $db->value(q{SELECT hms_report_html('big', 'hall', stays => true)});
	like($with, qr/Joins and leaves/, 'they are there on request');
	is(() = $with =~ /<tr>/g, (() = $db->value(q{SELECT hms_report_html('big', 'hall')}) =~ /<tr>/g) + 1 + 250, 'a row each');
}

# The same rows as CSV, read by Python's own reader.
{
	my $read = sub {
		my ($arguments) = @_;
		open my $file, '>:raw', "$dir/rows.csv" or die $!;
		print $file $db->value("SELECT hms_report_csv('$arguments)");
		close $file;
		open my $out, '-|', '/usr/bin/python3', '-c', 'import csv, json, sys; print(json.dumps(list(csv.DictReader(open(sys.argv[1], encoding="utf-8", newline="")))))', "$dir/rows.csv" or die $!;
		return decode(do { local $/; <$out> });
	};
	my $rows = $read->(q{big', 'hall'});
	is(scalar @$rows, 200, 'a row a session and person');
	my ($one) = grep { $_->{user_id} eq 'user-4' } @$rows;
	is_deeply([ @$one{qw(room known_by roles joined_at left_at joins device_minutes)} ],
		[ 'Assembly hall', 'user_id', 'guest', '2026-01-12T22:44:00+00', '2026-01-13T00:29:00+00', 2, '155.00' ], 'with what the page shows');
	is($one->{present_minutes}, $db->value("SELECT present_minutes FROM big.attendance WHERE user_id = 'user-4'"), 'and how long');
	is(scalar(grep { $_->{name} =~ /^=/ } @$rows), 0, 'what looks like a formula is none');
	cmp_ok(scalar(grep { $_->{name} =~ /^'=1\+1 / } @$rows), '>', 50, 'but text');
	is(scalar @{ $read->(q{big', 'hall', stays => true}) }, 250, 'a row each join and leave');
	my %names = map { $_->{name} => 1 } @{ $read->(q{video', 'hostile-room', '2026-01-01', '2026-02-01'}) };
	is_deeply([ grep { length && !$names{ /^[-=+@\t\r]/ ? "'$_" : $_ } } @hostile ], [], 'hostile names come back whole');
	like($db->value(q{SELECT hms_report_csv('big', 'hall')}), qr/\r\n/, 'lines end as RFC 4180 has it');
	is($db->value(q{SELECT hms_report_csv('big', 'nowhere')}) =~ tr/\n//, 1, 'nobody is a header alone');
	is($db->error(q{SELECT hms_report_csv('public')})->{state}, '42P01', 'no mirror is an error');
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
	cmp_ok(scalar @panels, '>=', 13, 'the dashboard has its panels');
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
	skip 'Chromium is not installed', 23 unless $chromium;
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

	# Measured boxes: the page in a frame of that width, with the rules for paper where it is paper.
	my $boxes = sub {
		my ($report, $width, $paper) = @_;
		my $html = decode_utf8(slurp_file("$dir/$report.html"));
		if ($paper) { $html =~ s/\@media print/\@media all/; $html =~ s/\@media screen and/\@media not all and/ }
		my $frame = $html =~ s/&/&amp;/gr =~ s/"/&quot;/gr;
		open my $file, '>:encoding(UTF-8)', "$dir/frame.html" or die $!;
		print $file qq{<!DOCTYPE html><meta charset="utf-8"><iframe id="f" style="width:${width}px;height:3000px;border:0" srcdoc="$frame"></iframe><pre id="o"></pre><script>
onload = () => {
	const d = document.getElementById("f").contentDocument, w = d.documentElement.clientWidth, seen = {};
	const box = e => e.getBoundingClientRect();
	seen.width = w;
	seen.page = d.documentElement.scrollWidth;
	seen.out = [...d.querySelectorAll("h1,h2,h3,p,.tile,.scroll,section")].filter(e => box(e).right > w + 1 || box(e).left < -1).map(e => e.tagName + "." + e.className);
	seen.spilt = [...d.querySelectorAll(".tile,h3,section>div,section>p")].filter(e => e.scrollWidth > e.clientWidth + 1 && !e.classList.contains("scroll")).map(e => e.textContent.slice(0, 40));
	seen.wide = [...d.querySelectorAll(".scroll")].filter(e => e.scrollWidth > e.clientWidth + 1).length;
	seen.svg = Math.max(...[...d.querySelectorAll("svg")].map(e => box(e).height));
	seen.letter = Math.min(...[...d.querySelectorAll("svg .label")].map(e => box(e).height));
	seen.whole = [...d.querySelectorAll("svg,tr,.tile,.head")].filter(e => d.defaultView.getComputedStyle(e).breakInside != "avoid").length;
	seen.axes = [...d.querySelectorAll("svg")].filter(e => !e.querySelector(".tick")).length;
	seen.crossed = 0;
	for (const e of d.querySelectorAll("svg")) {
		const ticks = [...e.querySelectorAll(".tick")].map(box);
		for (let i = 1; i < ticks.length; i++) if (ticks[i].left < ticks[i - 1].right) seen.crossed++;
		for (const l of e.querySelectorAll(".label")) if (box(l).left < box(e).left - 1) seen.crossed++;
	}
	document.getElementById("o").textContent = JSON.stringify(seen);
};
</script>};
		close $file;
		my ($json) = $run->('--dump-dom', "--window-size=1400,1000", "file://$dir/frame.html") =~ m{<pre id="o">(.*?)</pre>}s;
		return decode(Encode::encode_utf8($json =~ s/&gt;/>/gr =~ s/&lt;/</gr =~ s/&quot;/"/gr =~ s/&amp;/&/gr));
	};
	foreach my $width (390, 1280)
	{
		foreach my $report (qw(hall hostile))
		{
			my $seen = $boxes->($report, $width);
			is($seen->{page}, $seen->{width}, "$report at $width: the page does not scroll sideways");
			is_deeply([ $seen->{out}, $seen->{spilt}, $seen->{crossed}, $seen->{axes} ], [ [], [], 0, 0 ], 'nothing lies over the edge or over something else');
			cmp_ok($seen->{letter}, '>=', 8, 'names in the chart can be read');
			cmp_ok($seen->{wide}, $width == 390 ? '>=' : '==', $width == 390 ? 2 : 0, 'what is wide scrolls in its own box') if $report eq 'hall';
		}
	}
	{
		my $seen = $boxes->('hall', 688, 1);    # A4 less its margins, at 96 dpi
		is($seen->{page}, $seen->{width}, 'on A4 nothing is cut off at the side');
		is_deeply([ $seen->{out}, $seen->{spilt}, $seen->{crossed}, $seen->{wide} ], [ [], [], 0, 0 ], 'no table either');
		cmp_ok($seen->{svg}, '<', 1016, 'a piece of the chart fits on a page');
		is($seen->{whole}, 0, 'and it, rows and tiles are not to be cut');
	}
}

done_testing();
