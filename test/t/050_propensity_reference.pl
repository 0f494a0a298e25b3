# Propensity models against other programs on random data: R's glm for fits,
# scikit-learn for metrics; optimality conditions for penalised fits; damaged
# models must be refused and never crash the server.
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $seed = $ENV{TEST_SEED} || int(rand(1e6));
note "TEST_SEED=$seed";
srand($seed);

my $node = PostgreSQL::Test::Cluster->new('propensity');
$node->init(extra => [ '--locale=C.UTF-8', '--encoding=UTF8' ]);
$node->append_conf('postgresql.conf', "jit = off\nmax_parallel_workers_per_gather = 0\n");
$node->start;
$node->safe_psql('postgres', 'CREATE EXTENSION customer_journey');

my $directory = PostgreSQL::Test::Utils::tempdir;
chmod 0777, $directory;
my ($oracle) = grep { -d $_ } 'test/oracle', '../oracle', '../../test/oracle';

sub near
{
	my ($a, $b, $tolerance) = @_;
	return 1 if $a eq $b || ($a eq '' && $b eq 'NA');
	return 0 if $a eq '' || $b eq 'NA';
	return abs($a - $b) <= $tolerance * (abs($b) > 1 ? abs($b) : 1);
}

# A table of random rows: numbers of very different size, a boolean, a
# category, weights; sometimes a column that another determines (exactly: R would
# fit the noise of rounding).
sub random_rows
{
	my ($rows) = @_;
	my $real_seed = rand();
	my $collinear = rand() < 0.3 ? ', 2 * r3 - 1 AS sum' : '';
	my $scale = 10**int(rand(8) - 3);
	$node->safe_psql('postgres', qq{
		DROP TABLE IF EXISTS rows;
		SELECT setseed($real_seed);
		CREATE TABLE rows AS
		SELECT 1 / (1 + exp(-(0.4 * r1 - 0.7 * r2 + r3 * 0.2 + CASE level WHEN 'b' THEN 0.5 ELSE 0 END - 0.3))) > random() AS y, w,
			r1 * $scale + 1000 AS a, r2 AS b, r3 AS flag, level AS level $collinear
		FROM (SELECT r1, r2, r3, level, w, r1 * $scale + 1000 AS a, r2 AS b
			  FROM (SELECT random() * 4 - 2 AS r1, random() + random() + random() AS r2, (random() < 0.3)::int AS r3,
						   chr(97 + floor(random() * 4)::int) AS level, 1 + floor(random() * 3) AS w
					FROM generate_series(1, $rows)) x OFFSET 0) q});
	return $collinear ne '';
}

SKIP:
{
	skip 'no R', 1 if system('Rscript --version >/dev/null 2>&1') != 0;
	my $same = 0;
	my $rounds = 12;
	for my $round (1 .. $rounds)
	{
		my $rows = int(60 * 10**(rand() * 1.7));
		my $collinear = random_rows($rows);
		my $columns = 'a, b, flag, level' . ($collinear ? ', sum' : '');
		$node->safe_psql('postgres', "COPY (SELECT y, w, $columns FROM rows) TO '$directory/rows.csv' WITH (FORMAT csv, HEADER)");
		my @expected = map { [ split /,/ ] } split /\n/, `Rscript $oracle/propensity_glm.R $directory/rows.csv 2>/dev/null`;
		my @got = map { [ split /\|/, $_, -1 ] } split /\n/, $node->safe_psql('postgres', qq{
			CREATE TEMP TABLE m AS SELECT propensity_fit(y, f, w, NULL) AS model FROM rows r, LATERAL (SELECT $columns) f;
			SELECT term, estimate, std_error FROM m, propensity_coefficients(model)
			UNION ALL SELECT 'loglik', (propensity_summary(model) ->> 'log_likelihood')::float8, 0 FROM m;
			SELECT propensity_summary(model) ->> 'separation' FROM m});
		my $separation = (pop @got)->[0];
		my $wrong = @got != @expected || @got == 0;
		if ($separation ne 'none' && !$wrong)
		{
			# no finite best values: R runs off as well
			$wrong = !grep { $_->[2] ne 'NA' && $_->[2] > 100 } @expected;
			diag "round $round, $rows rows: $separation separation, but not in R" if $wrong;
			$same++ unless $wrong;
			next;
		}
		for my $i (0 .. $#got)
		{
			last if $wrong;
			# the scale of an estimate is its error's
			my $unit = $expected[$i][2] eq 'NA' || $expected[$i][2] == 0 ? 1 : $expected[$i][2];
			my ($a, $b) = ($got[$i][1], $expected[$i][1]);
			$wrong = 1 if ($a eq '') != ($b eq 'NA');
			next if $a eq '' || $b eq 'NA';
			$wrong = 1 if abs($a - $b) > 1e-6 * $unit + 1e-9 * abs($b);
			$wrong = 1 if abs($got[$i][2] - $expected[$i][2]) > 1e-5 * $unit && $got[$i][0] ne 'loglik';
			diag "round $round, $rows rows: $got[$i][0] @{$got[$i]} against @{$expected[$i]}" if $wrong;
		}
		$same++ unless $wrong;
	}
	is($same, $rounds, 'random fits are those of R');

	# facts of data sets that come with R
	system("Rscript -e 'write.csv(infert[, c(\"case\", \"spontaneous\", \"induced\", \"stratum\")], \"$directory/infert.csv\", row.names = FALSE)' -e 'write.csv(mtcars, \"$directory/mtcars.csv\", row.names = FALSE)' >/dev/null 2>&1");
	chmod 0644, "$directory/infert.csv", "$directory/mtcars.csv";
	$node->safe_psql('postgres', qq{
		CREATE TABLE infert (y int, spontaneous int, induced int, stratum int);
		COPY infert FROM '$directory/infert.csv' WITH (FORMAT csv, HEADER);
		CREATE TABLE mtcars (mpg float8, cyl float8, disp float8, hp float8, drat float8, wt float8, qsec float8, vs int, am int, gear int, carb int);
		COPY mtcars FROM '$directory/mtcars.csv' WITH (FORMAT csv, HEADER)});
	my %facts = (
		'infert y spontaneous,induced' => [ -1.707860071, 1.197205035, 0.418129395, 0.2677094837, 0.2116432846, 0.2056274565 ],
		'mtcars am wt' => [ 12.040369729, -4.023969962, 4.510066, 1.436528 ],
		'mtcars vs mpg' => [ -8.8330725768, 0.4304135203 ],
		'mtcars am hp,wt' => [ 18.86629871720, 0.03625559608, -8.08347518244 ]);
	for my $fact (sort keys %facts)
	{
		my ($table, $outcome, $features) = split / /, $fact;
		my @got = split /\n/, $node->safe_psql('postgres', qq{
			WITH m AS MATERIALIZED (SELECT propensity_fit($outcome = 1, f) AS model FROM $table, LATERAL (SELECT $features) f),
			c AS MATERIALIZED (SELECT c.* FROM m, propensity_coefficients(model) WITH ORDINALITY c)
			SELECT value FROM (SELECT estimate AS value, ordinality FROM c UNION ALL SELECT std_error, ordinality + 100 FROM c) q ORDER BY ordinality});
		my @expected = @{ $facts{$fact} };
		my $tolerance = 1e-6;
		is(scalar(grep { !near($got[$_], $expected[$_], $tolerance) } 0 .. $#expected), 0, "facts of $fact");
	}
	is($node->safe_psql('postgres', q{
		SELECT round((propensity_summary(propensity_fit(y = 1, f)) ->> 'aic')::numeric, 7) FROM infert, LATERAL (SELECT spontaneous, induced) f}),
		'285.6119788', 'AIC of infert');
	my %clustered = (
		CR0 => [ 0.1650452338, 0.2083398736, 0.1638352508 ],
		CR1 => [ 0.16672493, 0.21046019, 0.16550263 ]);
	for my $kind (sort keys %clustered)
	{
		my @got = split /\n/, $node->safe_psql('postgres', qq{
			WITH m AS MATERIALIZED (SELECT propensity_fit(y = 1, f, fit_options(cluster => 'stratum', standard_errors => '$kind')) AS model
				FROM infert i, LATERAL (SELECT i.stratum, i.spontaneous, i.induced) f)
			SELECT std_error FROM m, propensity_coefficients(model) WITH ORDINALITY ORDER BY ordinality});
		my @expected = @{ $clustered{$kind} };
		is(scalar(grep { !near($got[$_], $expected[$_], 1e-7) } 0 .. $#expected), 0, "errors by cluster of infert, $kind");
	}
}

# penalised fits: at the best coefficients the gradient balances the penalties
{
	my $bad = 0;
	for my $round (1 .. 10)
	{
		random_rows(200 + int(rand(2000)));
		my ($l1, $l2) = (rand() * 0.05, rand() < 0.5 ? 0 : rand() * 0.1);
		$bad += $node->safe_psql('postgres', qq{
			WITH m AS MATERIALIZED (SELECT propensity_fit(y, ARRAY[a, b, flag], fit_options(l1 => $l1, l2 => $l2)) AS model FROM rows),
			s AS MATERIALIZED (SELECT a, b, flag, y::int - propensity_score(model, ARRAY[a, b, flag]) AS residual FROM rows, m),
			g AS (SELECT ARRAY[avg(a * residual) - avg(a) * avg(residual), avg(b * residual) - avg(b) * avg(residual), avg(flag * residual) - avg(flag) * avg(residual)] AS gradient,
						 ARRAY[stddev_pop(a), stddev_pop(b), stddev_pop(flag)] AS sd, abs(avg(residual)) AS intercept FROM s)
			SELECT count(*) FILTER (WHERE CASE WHEN estimate = 0 THEN abs(slope) > $l1 + 1e-7
				ELSE abs(slope - $l1 * sign(estimate) - $l2 * estimate * sd) > 1e-7 END) + max((intercept > 1e-9)::int)
			FROM (SELECT c.estimate, g.gradient[i] / g.sd[i] AS slope, g.sd[i] AS sd, g.intercept
				  FROM m, g, generate_series(1, 3) i, propensity_coefficients(model) WITH ORDINALITY c WHERE c.ordinality = i + 1) q});
	}
	is($bad, 0, 'penalised fits are optimal');
}

# parallel = serial, whatever the split
{
	random_rows(20000);
	$node->safe_psql('postgres', 'ALTER TABLE rows SET (parallel_workers = 3)');
	my $query = q{SELECT string_agg(round((c.estimate / greatest(c.std_error, 1e-9))::numeric, 8)::text, ' ' ORDER BY ordinality)
		FROM (SELECT propensity_fit(y, f, w, NULL) AS model FROM rows, LATERAL (SELECT a, b, flag, level) f) m, propensity_coefficients(model) WITH ORDINALITY c};
	my $parallel = $node->safe_psql('postgres', "SET max_parallel_workers_per_gather = 3; SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0; SET min_parallel_table_scan_size = 0; $query");
	is($parallel, $node->safe_psql('postgres', $query), 'parallel and serial fits agree');
}

SKIP:
{
	my ($python) = grep { system("$_ -c 'import sklearn' >/dev/null 2>&1") == 0 } 'python3', '/usr/bin/python3';
	skip 'no scikit-learn', 2 unless $python;
	my ($metrics, $isotonic) = (0, 0);
	for my $round (1 .. 5)
	{
		my $rows = 20 + int(rand(3000));
		my $digits = 1 + int(rand(5));    # few digits: many ties
		my $real_seed = rand();
		$node->safe_psql('postgres', qq{
			DROP TABLE IF EXISTS scores;
			SELECT setseed($real_seed);
			CREATE TABLE scores AS
			SELECT n, n < 3 OR (n > 4 AND random() < p) AS y, p
			FROM (SELECT n, least(greatest(round(random()::numeric, $digits), 0.01), 0.99)::float8 AS p FROM generate_series(1, $rows) n) q;
			COPY (SELECT y, p FROM scores ORDER BY n) TO '$directory/scores.csv' WITH (FORMAT csv)});
		my @expected = split /\n/, `$python $oracle/propensity_metrics.py $directory/scores.csv`;
		my @got = split /\n/, $node->safe_psql('postgres', q{
			SELECT unnest(ARRAY[(m).auc, (m).pr_auc, (m).log_loss, (m).brier]) FROM (SELECT propensity_metrics(y, p) AS m FROM scores) q;
			SELECT propensity_calibrate(c, p) FROM scores, (SELECT isotonic_calibration(y, p) AS c FROM scores) i ORDER BY n});
		$metrics++ if @got == @expected && !grep { !near($got[$_], $expected[$_], 1e-11) } 0 .. 3;
		$isotonic++ if @got == @expected && !grep { !near($got[$_], $expected[$_], 1e-9) } 4 .. $#got;
	}
	is($metrics, 5, 'metrics are those of scikit-learn');
	is($isotonic, 5, 'isotonic calibration is that of scikit-learn');
}

# damaged bytes: an error or another consistent model, never a crash
{
	$node->safe_psql('postgres', qq{
		CREATE TABLE models AS SELECT propensity_fit(y, f, fit_options(missing => 'indicator', profile => 0.9)) AS model FROM rows r, LATERAL (SELECT r.a, r.b, r.level) f;
		COPY models TO '$directory/model.bin' WITH (FORMAT binary)});
	open my $in, '<:raw', "$directory/model.bin" or die;
	my $whole = do { local $/; <$in> };
	close $in;
	my ($refused, $accepted, $failed) = (0, 0, 0);
	for my $round (1 .. 300)
	{
		my $damaged = $whole;
		# behind the file's header and the field's length
		for (0 .. int(rand(3)))
		{
			my $at = 25 + int(rand(length($whole) - 27));
			substr($damaged, $at, 1) = chr(int(rand(256)));
		}
		open my $out, '>:raw', "$directory/damaged.bin" or die;
		print $out $damaged;
		close $out;
		chmod 0644, "$directory/damaged.bin";
		my ($status, $stdout, $stderr) = $node->psql('postgres', qq{
			CREATE TEMP TABLE d (model propensity_model);
			COPY d FROM '$directory/damaged.bin' WITH (FORMAT binary);
			SELECT count(*) FROM d WHERE model::text::propensity_model IS NOT NULL});
		if ($status == 0) { $accepted++; }
		elsif ($stderr =~ /ERROR/ && $stderr !~ /server closed|terminated/) { $refused++; }
		else { $failed++; diag $stderr; }
	}
	note "$refused refused, $accepted accepted";
	is($failed, 0, 'damaged models are refused or consistent');
	cmp_ok($refused, '>', 20, 'damage is noticed');
}

$node->stop;
done_testing();
