# What the catalogs say of the extension: versions, comments, markings, names,
# C symbols, operator classes, and that nothing is left when it is dropped.
use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/../perl";
use CustomerJourney;
use JSON::PP;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = start_node('catalog');
my $major = $node->safe_psql('postgres', 'SHOW server_version_num') / 10000;

# Every catalog, row for row, as one digest each; schemas of temporary tables come and go.
sub catalogs
{
	my ($database) = @_;
	return $node->safe_psql($database, q{
SELECT format('SELECT %L, count(*), md5(string_agg(t::text, E''\n'' ORDER BY t::text COLLATE "C")) FROM pg_catalog.%I t WHERE t::text !~ ''pg_(toast_)?temp''',
              relname, relname)
FROM pg_class
WHERE relnamespace = 'pg_catalog'::regnamespace AND relkind = 'r' AND NOT relisshared
ORDER BY relname \gexec});
}

# The extension's objects with all that matters of their definitions, free of OIDs.
sub description
{
	my ($database) = @_;
	return $node->safe_psql($database, q{
CREATE TEMP VIEW members AS
SELECT classid, objid FROM pg_depend
WHERE refclassid = 'pg_extension'::regclass AND deptype = 'e'
  AND refobjid = (SELECT oid FROM pg_extension WHERE extname = 'customer_journey');
SELECT type, identity, obj_description(objid, classid::regclass::name)
FROM members, pg_identify_object(classid, objid, 0) ORDER BY 1, 2;
SELECT pg_get_functiondef(p.oid) FROM members m JOIN pg_proc p ON p.oid = objid
WHERE classid = 'pg_proc'::regclass AND prokind <> 'a' ORDER BY p.oid::regprocedure::text;
SELECT aggfnoid::regprocedure, aggtransfn::regprocedure, aggfinalfn::regprocedure, aggcombinefn::regprocedure,
       aggserialfn::regprocedure, aggdeserialfn::regprocedure, aggfinalmodify, aggtranstype::regtype, aggtransspace,
       agginitval, proparallel, provolatile, pg_get_function_arguments(aggfnoid)
FROM members JOIN pg_aggregate ON aggfnoid = objid JOIN pg_proc p ON p.oid = objid
WHERE classid = 'pg_proc'::regclass ORDER BY aggfnoid::regprocedure::text;
SELECT oprname, oprleft::regtype, oprright::regtype, oprresult::regtype, oprcanmerge, oprcanhash,
       oprcom::regoperator, oprnegate::regoperator, oprcode::regprocedure, oprrest::regproc, oprjoin::regproc
FROM members JOIN pg_operator o ON o.oid = objid WHERE classid = 'pg_operator'::regclass
ORDER BY o.oid::regoperator::text;
SELECT typname, typlen, typbyval, typalign, typstorage, typcategory, typinput, typoutput, typreceive, typsend,
       typanalyze, (SELECT string_agg(attname || ' ' || format_type(atttypid, atttypmod), ', ' ORDER BY attnum)
                    FROM pg_attribute WHERE attrelid = typrelid AND attnum > 0 AND NOT attisdropped)
FROM members JOIN pg_type t ON t.oid = objid WHERE classid = 'pg_type'::regclass ORDER BY typname;
SELECT castsource::regtype, casttarget::regtype, castfunc::regprocedure, castcontext, castmethod
FROM members JOIN pg_cast c ON c.oid = objid WHERE classid = 'pg_cast'::regclass ORDER BY 1, 2;
SELECT amname, opfname, amopstrategy, amopopr::regoperator FROM members JOIN pg_opfamily f ON f.oid = objid
JOIN pg_am a ON a.oid = opfmethod JOIN pg_amop ON amopfamily = f.oid
WHERE classid = 'pg_opfamily'::regclass ORDER BY 1, 2, 3, 4;
SELECT amname, opfname, amprocnum, amproc::regprocedure FROM members JOIN pg_opfamily f ON f.oid = objid
JOIN pg_am a ON a.oid = opfmethod JOIN pg_amproc ON amprocfamily = f.oid
WHERE classid = 'pg_opfamily'::regclass ORDER BY 1, 2, 3, 4;
});
}

# One line for each object that breaks a rule.
sub offenders
{
	my ($rule, $query) = @_;
	is($node->safe_psql('ours', $query), '', $rule);
}

$node->safe_psql('postgres', 'CREATE DATABASE ours');
my $before = catalogs('ours');
$node->safe_psql('ours', 'CREATE EXTENSION customer_journey');
isnt(catalogs('ours'), $before, 'the comparison of catalogs sees the extension');

# ---- one version everywhere ----

my ($version) = source_text('customer_journey.control') =~ /^default_version\s*=\s*'(.*)'/m;
my $meta = decode_json(source_text('META.json'));
is($meta->{version}, $version, 'META.json has the version of the control file');
is($meta->{provides}{customer_journey}{version}, $version, 'so has what it provides');
like(source_text('src/module.c'), qr/CJ_MODULE_MAGIC\("customer_journey", "\Q$version\E"\)/,
	'so has the library');
is($node->safe_psql('ours', q{SELECT extversion FROM pg_extension WHERE extname = 'customer_journey'}),
	$version, 'so has what is installed');
SKIP:
{
	skip 'libraries tell their version from PostgreSQL 18 on', 1 if $major < 18;
	is($node->safe_psql('ours', q{LOAD 'customer_journey';
SELECT version FROM pg_get_loaded_modules() WHERE module_name = 'customer_journey'}),
		$version, 'the loaded library has the version');
}

# ---- every object ----

# Families come with their operator classes, and row types with their types.
offenders('every object has a comment', q{
SELECT type, identity
FROM pg_depend, pg_identify_object(classid, objid, 0)
WHERE refclassid = 'pg_extension'::regclass AND deptype = 'e'
  AND refobjid = (SELECT oid FROM pg_extension WHERE extname = 'customer_journey')
  AND type NOT IN ('operator family', 'composite type') AND identity NOT LIKE '%[]'
  AND coalesce(obj_description(objid, classid::regclass::name), '') = ''});

offenders('tables, views, sequences, triggers, rules and languages are not among the objects', q{
SELECT type, identity
FROM pg_depend, pg_identify_object(classid, objid, 0)
WHERE refclassid = 'pg_extension'::regclass AND deptype = 'e'
  AND refobjid = (SELECT oid FROM pg_extension WHERE extname = 'customer_journey')
  AND type NOT IN ('function', 'procedure', 'aggregate', 'type', 'composite type', 'operator', 'operator class',
                   'operator family', 'cast')});

my $functions = q{pg_proc p JOIN pg_depend d ON d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e'
  JOIN pg_extension e ON d.refclassid = 'pg_extension'::regclass AND d.refobjid = e.oid AND extname = 'customer_journey'
  JOIN pg_language l ON l.oid = prolang};
my $count = $node->safe_psql('ours', "SELECT count(*) FROM $functions");
cmp_ok($count, '>', 50, "there are $count functions to look at");

offenders('no function runs with the rights of its owner',
	"SELECT p.oid::regprocedure FROM $functions WHERE prosecdef");
offenders('C functions are named cj_ in the library',
	"SELECT p.oid::regprocedure FROM $functions WHERE lanname = 'c' AND prosrc !~ '^cj_[a-z0-9_]+\$'");
# these write to tables, wait for those who do, or tell other sessions;
# journey_progress looks at those
my $writers = q{('customer_identify', 'customer_resolve', 'journey_follow_fold', 'journey_follow_wait', 'journey_watch_changed')};
offenders('functions in C are immutable and parallel safe, but for the planner\'s, which are stable',
	"SELECT p.oid::regprocedure FROM $functions WHERE lanname IN ('c', 'internal')
	 AND proname NOT IN $writers AND proname NOT IN ('journey_progress', 'journey_catch_up_rest')
	 AND (proparallel <> 's' OR provolatile <> CASE WHEN proname ~ '(sel|_typanalyze)\$' THEN 's' ELSE 'i' END)");
offenders('functions in C that write are volatile, stay in one process and set a search path',
	"SELECT p.oid::regprocedure FROM $functions WHERE proname IN $writers
	 AND (provolatile <> 'v' OR proparallel <> 'u' OR NOT EXISTS (SELECT FROM unnest(proconfig) c WHERE c = 'search_path=pg_catalog, pg_temp'))");
# Procedures that commit may not have settings of their own: theirs call
# functions by qualified names, with no operators but those of the language.
offenders('functions in other languages cannot be led astray by a search path',
	"SELECT p.oid::regprocedure FROM $functions WHERE lanname NOT IN ('c', 'internal') AND prosqlbody IS NULL
	 AND NOT (prokind = 'p' AND prosrc ~ 'COMMIT;')
	 AND NOT EXISTS (SELECT FROM unnest(proconfig) c WHERE c LIKE 'search_path=pg_catalog, %pg_temp')");
offenders('sets are estimated',
	"SELECT p.oid::regprocedure FROM $functions WHERE proretset AND prorows = 1000 AND prosupport = 0");
offenders('aggregates are parallel safe',
	"SELECT aggfnoid::regprocedure FROM $functions JOIN pg_aggregate ON aggfnoid = p.oid WHERE proparallel <> 's'");

# These compare all the rows they are given with one another, so that nothing
# could be done with a part of them.
my $whole = q{'^(linkage_(fit|train|candidates|pairs|resolve|clusters)|mine_paths|contrast_paths)$'};
offenders('aggregates can be split',
	"SELECT aggfnoid::regprocedure FROM $functions JOIN pg_aggregate ON aggfnoid = p.oid
	 WHERE aggcombinefn = 0 AND proname !~ $whole
	    OR aggcombinefn <> 0 AND aggtranstype = 'internal'::regtype AND (aggserialfn = 0 OR aggdeserialfn = 0)");
offenders('transition functions load the library while planning',
	"SELECT t.oid::regprocedure FROM $functions JOIN pg_aggregate ON aggfnoid = p.oid
	 JOIN pg_proc t ON t.oid = aggtransfn WHERE t.prosupport = 0 AND t.pronamespace <> 'pg_catalog'::regnamespace");
offenders('an aggregate can be used over a window',
	"SELECT aggfnoid::regprocedure FROM $functions JOIN pg_aggregate ON aggfnoid = p.oid
	 WHERE aggkind = 'n' AND aggfinalmodify <> 'r' AND proname !~ $whole");

# Words that are no function names cannot be named arguments, but columns they
# can be.
offenders('names of functions and their arguments need no quotes', "
SELECT p.oid::regprocedure, name
FROM $functions, LATERAL (
    SELECT name FROM unnest(proargnames, proargmodes) AS a(name, mode) WHERE coalesce(mode, 'i') IN ('i', 'b', 'v')
    UNION SELECT proname) AS n
WHERE quote_ident(name) <> name AND name <> ''");
my $column = q{quote_ident(name) <> name AND NOT EXISTS (
    SELECT FROM pg_get_keywords() WHERE word = name AND catcode = 'C')};
offenders('names of result columns need no quotes', "
SELECT p.oid::regprocedure, name
FROM $functions, unnest(proargnames, proargmodes) AS a(name, mode) WHERE mode IN ('o', 'b', 't') AND $column");
offenders('names of types and their attributes need no quotes', qq{
SELECT t.oid::regtype, name
FROM pg_depend JOIN pg_type t ON classid = 'pg_type'::regclass AND objid = t.oid AND deptype = 'e',
     LATERAL (SELECT attname::text AS name FROM pg_attribute WHERE attrelid = typrelid AND attnum > 0 AND NOT attisdropped
              UNION SELECT typname::text) AS n
WHERE refclassid = 'pg_extension'::regclass AND typname !~ '^_' AND $column});
offenders('no operator holds a character that drivers take for a placeholder', q{
SELECT o.oid::regoperator FROM pg_operator o JOIN pg_depend ON classid = 'pg_operator'::regclass AND objid = o.oid
WHERE deptype = 'e' AND oprname ~ '[?:$]'});

# ---- what the install scripts spell out ----

my @unmarked;
foreach my $path (glob "$FindBin::RealBin/../../sql/install/*.sql")
{
	my $sql = source_text($path =~ s{.*/(sql/install/)}{$1}r);
	push @unmarked, "$path: $1"
	  while $sql =~ /^(CREATE\s+OR\s+REPLACE.*|CREATE\s.*IF NOT EXISTS.*)$/mg;
	while ($sql =~ /^CREATE FUNCTION ([a-z0-9_]+)(.*?);$/msg)
	{
		my ($name, $rest) = ($1, $2);
		push @unmarked, $name
		  unless $rest =~ /\b(?:IMMUTABLE|STABLE|VOLATILE)\b/ && $rest =~ /\bPARALLEL (?:SAFE|RESTRICTED|UNSAFE)\b/;
	}
}
is_deeply(\@unmarked, [], 'every function says its volatility and parallel safety; CREATE is plain');

# ---- operators and operator classes ----

offenders('every operator class is valid', q{
SELECT c.oid, opcname FROM pg_opclass c JOIN pg_depend ON classid = 'pg_opclass'::regclass AND objid = c.oid
WHERE deptype = 'e' AND NOT amvalidate(c.oid)});
cmp_ok($node->safe_psql('ours', q{SELECT count(*) FROM pg_depend WHERE classid = 'pg_opclass'::regclass AND deptype = 'e'}),
	'>=', 3, 'btree, hash and gin classes were among them');
offenders('commutators and negators point back', q{
SELECT o.oid::regoperator FROM pg_operator o JOIN pg_depend ON classid = 'pg_operator'::regclass AND objid = o.oid AND deptype = 'e'
LEFT JOIN pg_operator c ON c.oid = o.oprcom LEFT JOIN pg_operator n ON n.oid = o.oprnegate
WHERE o.oprcom <> 0 AND (c.oprcom <> o.oid OR c.oprleft <> o.oprright OR c.oprright <> o.oprleft)
   OR o.oprnegate <> 0 AND (n.oprnegate <> o.oid OR n.oprleft <> o.oprleft)
   OR o.oprcode = 0 OR o.oprresult = 'boolean'::regtype AND o.oprrest = 0});

# ---- option builders ----

my $builders = "$functions JOIN pg_type t ON t.oid = prorettype AND prosrc = 'cj_options_build'";
offenders('an option builder has the arguments of its type\'s attributes', "
SELECT p.oid::regprocedure FROM $builders WHERE provolatile <> 'i' OR proisstrict
   OR ARRAY(SELECT attname || ' ' || atttypid FROM pg_attribute
            WHERE attrelid = typrelid AND attnum > 0 AND NOT attisdropped ORDER BY 1)
   <> ARRAY(SELECT proargnames[i] || ' ' || proargtypes[i - 1] FROM generate_series(1, pronargs) i ORDER BY 1)");

# Each option alone where the others have defaults, and all by name.
foreach my $call (split /\n/, $node->safe_psql('ours', "
SELECT format('SELECT (%1\$s(%2\$I => NULL::%3\$s)).%2\$I IS NULL', p.oid::regproc, proargnames[i],
              format_type(proargtypes[i - 1], NULL))
FROM $builders, generate_series(1, pronargs) AS i WHERE pronargs = pronargdefaults
UNION ALL
SELECT format('SELECT %1\$s(%2\$s) IS NULL', p.oid::regproc,
              (SELECT string_agg(format('%I => NULL::%s', proargnames[i], format_type(proargtypes[i - 1], NULL)), ', ')
               FROM generate_series(1, pronargs) AS i))
FROM $builders ORDER BY 1"))
{
	is($node->safe_psql('ours', $call), 't', $call);
}

# ---- symbols of the library ----

my ($libdir) = run_command([ 'pg_config', '--pkglibdir' ]);
my ($symbols) = run_command([ 'nm', '-D', '--defined-only', '-f', 'posix', "$libdir/customer_journey.so" ]);
my @symbols = map { (split)[0] } split /\n/, $symbols;
cmp_ok(scalar(@symbols), '>', 50, 'the library has symbols');
is_deeply([ grep { !/^(cj_\w+|pg_finfo_cj_\w+|_PG_init|Pg_magic_func|_init|_fini|_edata|_end|__bss_start|__gcov_\w+|mangle_path)$/ } @symbols ],
	[], 'every global symbol of the library is named cj_');

# ---- no rest ----

my $fresh = description('ours');
$node->safe_psql('ours', q{
CREATE TABLE kept (id int, journey journey);
INSERT INTO kept SELECT 1, journey_of('2026-01-01 00:00+00', 'view');
CREATE INDEX ON kept USING gin (journey);});
is(sqlstate_of($node, 'ours', 'DROP EXTENSION customer_journey'), '2BP01',
	'the extension is not dropped while a column needs it');
$node->safe_psql('ours', 'DROP TABLE kept; DROP EXTENSION customer_journey');
is(catalogs('ours'), $before, 'nothing is left in any catalog after DROP EXTENSION');
$node->safe_psql('ours', 'CREATE EXTENSION customer_journey');
is(description('ours'), $fresh, 'created anew, the extension is the same');

# ---- from each released version ----

my @old = split /\n/, $node->safe_psql('ours',
	qq{SELECT version FROM pg_available_extension_versions WHERE name = 'customer_journey' AND version <> '$version'});
foreach my $old (@old)
{
	my $database = 'from_' . ($old =~ s/\W/_/gr);
	$node->safe_psql('postgres', "CREATE DATABASE $database");
	$node->safe_psql($database, "CREATE EXTENSION customer_journey VERSION '$old'; ALTER EXTENSION customer_journey UPDATE");
	is(description($database), $fresh, "updated from $old, the extension is the same");
}
note(@old ? "updated from @old" : 'no earlier version is installed');

done_testing();
