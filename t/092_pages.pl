# Every page keeps its word: what SQL it has runs on a server like that of script/demo --keep, and what output it shows
# comes out. The cookbook and README are run by 009, the guides from the Node SDK and OpenTok by 030, platforms by 094.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use Docs;
use Hms;
use Test::More;

my $mirror = "CREATE SCHEMA video; SELECT hms_create_mirror('video')";

# What a page takes as given: roles and a mirror that README or reports.md has made.
my %given = (
	'docs/from-legacy-beam.md'        => '',
	'docs/from-the-sample-backend.md' => '',
	'docs/grafana/README.md'          => $mirror,
	'docs/operations.md'              => 'CREATE ROLE reporting; CREATE ROLE blue_app LOGIN; CREATE ROLE tenant_switcher; SELECT hms_create_room(\'{"name": "standup"}\')',
	'docs/reports.md'                 => '',
	'docs/scale.md'                   => "$mirror; CALL hms_sync('video', since => now() - interval '3 days')",
	'docs/tables.md'                  => '');

# What cannot be had here: Citus, and another server, which 021 has.
my $elsewhere = qr/citus|create_distributed_table|CREATE SUBSCRIPTION/;

# What looks for something wrong, and finds nothing here.
my $faults = qr{WHERE NOT ok|wait_event|hms_verify_mirror|status = 'failed'|photosynthesis};

# What is there before a statement: the month of which scale.md speaks.
my $month = q{CREATE TABLE IF NOT EXISTS video.track_events_2025_01 PARTITION OF video.track_events FOR VALUES FROM ('2025-01-01') TO ('2025-02-01')};
my %before = (qr/track_events_2025_01/ => $month);

foreach my $name (sort keys %given)
{
	run_document($name, given => $given{$name}, skip => $elsewhere, empty => $faults, before => \%before);
}

# No page is left out.
my %run = map { $_ => 1 } keys %given, qw(README.md docs/cookbook.md docs/from-the-node-sdk.md docs/from-opentok.md docs/platforms.md);
is_deeply([ grep { !$run{$_} && statements($_) } pages() ], [], 'the SQL of every page is run');

done_testing();
