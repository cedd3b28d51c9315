# What script/demo shows: it runs to its end, is at most 80 columns wide, and asks nobody but the stand-in.

use strict;
use warnings;
use utf8;

use FindBin;
use lib "$FindBin::Bin/lib";

use Hms;
use Test::More;

my $api = Hms::Api->launch;
my $db  = Hms::Db->launch($api, 'hms.beam_url' => "$api->{origin}/api/v2", 'hms.policy_url' => "$api->{origin}/policy/v1");

my @seen;
my ($code, $out, $err);
@seen = $api->during(
	sub {
		($code, $out, $err) = $db->run("\\i $ENV{top_builddir}/script/demo.sql",
			extra_params => [ qw(-q -P format=aligned -P tuples_only=off -P footer=off -P linestyle=unicode -v write=true -v), 'bold=', '-v', 'plain=' ]);
	});
is("$code$err", '0', 'the demo runs');
utf8::decode($out);
my @lines = split /\n/, $out;
is_deeply([ grep { length > 80 } @lines ], [], 'nothing of it is wider than 80 columns');
is(scalar(grep { /^\d\. / } @lines), 8, 'it has eight steps');
cmp_ok(scalar(grep { /│/ } @lines), '>', 50, 'and tables');
like($out, qr/present_minutes AS minutes/, 'minutes are those that somebody was there');
cmp_ok(scalar @seen, '<', 20, 'few requests');

# its set-up, as script/lib.sh writes it, leaves no base URL of 100ms in place
my $settings = PostgreSQL::Test::Utils::slurp_file("$ENV{top_builddir}/script/lib.sh");
like($settings, qr/^\$\{api_url:\+hms\.api_url.*^hms\.beam_url = .*^hms\.policy_url = /ms, 'all three base URLs are the stand-in\'s');
my ($room) = map { $_->{id} } grep { $_->{name} eq 'english-lit' } @{ $api->world->{rooms} };
@seen = $api->during(sub { $db->value("SELECT hms_start_beam('$room', 'https://school.example/preview', record => true)") });
is($seen[0]{path}, '/api/v2/beam', 'a Beam call reaches the stand-in');

done_testing();
