# pg_cron runs the mirror: a job that syncs, a job that writes the attendance of a day into a table of the app, and a job
# that fails, all seen in cron.job_run_details. pg_cron's smallest step is a minute, so this takes one; meanwhile a mirror
# is replicated to another server.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use Docs;
use Hms;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

plan skip_all => 'pg_cron is not installed' unless %{ cron_settings() };

my $api = Hms::Api->launch;

# The two ways in which pg_cron runs a job: over a connection of its own, and in a background worker.
my %way = (connection => 'off', worker => 'on');
my %db;
foreach my $way (sort keys %way)
{
	my $db = $db{$way} = Hms::Db->launch($api,
		shared_preload_libraries => 'pg_cron', 'cron.database_name' => 'postgres',
		'cron.use_background_workers' => $way{$way}, jit => 'off');
	$db->append_conf('postgresql.conf', "cron.host = '" . $db->host . "'");
	$db->restart;

	# the app: who it expects in a class, and a table of reports
	$db->value(q{
		CREATE EXTENSION pg_cron;
		CREATE SCHEMA video; SELECT hms_create_mirror('video');
		CREATE TABLE daily_attendance (day date, user_id text, minutes numeric, PRIMARY KEY (day, user_id));
	});
	$db->value("CALL hms_sync('video')");
}

# something for the jobs to find
$api->add(sessions => [ { id => 'by-cron', room_id => 'cron-room', active => false,
	created_at => '2026-01-01T00:00:00Z', updated_at => '2026-01-01T00:10:00Z', peers => {} } ]);

foreach my $way (sort keys %way)
{
	cmp_ok($db{$way}->value(q{SELECT hms_schedule_mirror('video', '1 1 1 1 *')}), '>', 0, "by $way: a job is made");
	is($db{$way}->value(q{SELECT hms_schedule_mirror('video', '* * * * *') = jobid FROM cron.job}), 't', "by $way: and changed");
	is($db{$way}->error(q{SELECT hms_schedule_mirror('video', 'soon')})->{state}, '22023', "by $way: not to what is no time");
	$db{$way}->value(q{SELECT cron.schedule('attendance', '* * * * *', $$
		INSERT INTO daily_attendance
		SELECT date_trunc('day', u.started_at), a.user_id, sum(a.minutes)
		FROM video.attendance AS a JOIN video.session_usage AS u USING (room_id, session_id)
		WHERE u.started_at >= current_date - 3 AND u.started_at < current_date AND NOT u.active
		GROUP BY 1, 2
		ON CONFLICT (day, user_id) DO UPDATE SET minutes = excluded.minutes$$)});
	$db{$way}->value(q{SELECT cron.schedule('fails', '* * * * *', $$CALL hms_sync('nowhere')$$)});
}

# All three have run when each has a row that is no longer running.
sub have_run
{
	my ($db) = @_;
	return $db->value(q{SELECT count(DISTINCT j.jobname) = 3 FROM cron.job_run_details AS d JOIN cron.job AS j USING (jobid) WHERE d.status IN ('succeeded', 'failed')}) eq 't';
}

# While the minute passes: a mirror replicated to a server without the extension: tables, partitions and views are ordinary ones.
{
	my $from = Hms::Db->launch($api, wal_level => 'logical', max_wal_senders => 8, max_replication_slots => 8);
	$from->value(q{CREATE SCHEMA video; SELECT hms_create_mirror('video')});
	$from->value(q{CALL hms_sync('video')});
	my $to = PostgreSQL::Test::Cluster->new('replica');
	$to->init(extra => [qw(-U postgres -E UTF8 --locale=C.UTF-8)]);
	$to->start;
	my $schema = $from->basedir . '/schema.sql';
	run_log([ 'pg_dump', '-s', '-n', 'video', '-f', $schema, '-d', $from->connstr('postgres') ]);
	$to->safe_psql('postgres', slurp_file($schema));
	my $tables = $from->value('SHOW server_version_num') >= 150000 ? 'TABLES IN SCHEMA video'
	  : 'TABLE ' . $from->value(q{SELECT string_agg(oid::regclass::text, ', ') FROM pg_class WHERE relnamespace = 'video'::regnamespace AND relkind IN ('r', 'p') AND NOT relispartition});
	$from->value("CREATE PUBLICATION video FOR $tables WITH (publish_via_partition_root)");
	$to->safe_psql('postgres', "CREATE SUBSCRIPTION video CONNECTION \$\$" . $from->connstr('postgres') . " user=postgres\$\$ PUBLICATION video");
	$to->wait_for_subscription_sync($from, 'video');
	my $counts = q{SELECT (SELECT count(*) FROM video.attendance) || ' ' || (SELECT count(*) FROM video.talk_time) || ' ' || (SELECT count(*) FROM video.track_events)};
	is($to->safe_psql('postgres', $counts), $from->value($counts), 'a replica has the same tables and views');
	$from->value(q{UPDATE video.session_peers SET role = 'changed' WHERE session_id IN (SELECT id FROM video.sessions LIMIT 3)});
	$from->wait_for_catchup('video');
	is($to->safe_psql('postgres', $counts . q{ || (SELECT count(*) FROM video.session_peers WHERE role = 'changed')}),
		$from->value($counts . q{ || (SELECT count(*) FROM video.session_peers WHERE role = 'changed')}), 'and what changes later');
	$_->stop foreach $to, $from;
}

my $deadline = time() + 150;
sleep 1 until time() > $deadline or !grep { !have_run($_) } values %db;

foreach my $way (sort keys %way)
{
	my $db  = $db{$way};
	my %job = map { $_->{jobname} => $_ } @{ $db->rows('SELECT DISTINCT ON (j.jobname) j.jobname, d.status, d.return_message FROM cron.job_run_details AS d JOIN cron.job AS j USING (jobid) ORDER BY j.jobname, d.runid') };
	is($job{'100ms video'}{status}, 'succeeded', "by $way: the job that syncs has succeeded") or diag explain \%job;
	is($db->value(q{SELECT count(*) FROM video.sessions WHERE id = 'by-cron'}), 1, "by $way: and brought what was new");
	is($db->value(q{SELECT state FROM video.sync_runs ORDER BY id DESC LIMIT 1}), 'done', "by $way: its run is done");
	is($job{attendance}{status}, 'succeeded', "by $way: the job that writes the report has succeeded") or diag explain \%job;
	is($db->value('SELECT (SELECT count(*) FROM daily_attendance) > 0 AND NOT EXISTS ('
		. "SELECT user_id, sum(minutes) FROM hms_attendance(after => current_date - 3, before => current_date - interval '1 ms') WHERE session_id IN (SELECT id FROM hms_sessions(active => false)) GROUP BY user_id"
		. ' EXCEPT SELECT user_id, sum(minutes) FROM daily_attendance GROUP BY user_id)'), 't', "by $way: with the minutes of each user");
	is($job{fails}{status}, 'failed', "by $way: the job that cannot sync has failed");
	like($job{fails}{return_message}, qr/there is no mirror in schema nowhere/, "by $way: and says why");
}

done_testing();
