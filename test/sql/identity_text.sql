-- Strings: published values of Jaro and Jaro-Winkler to six digits
SELECT a, b, round(text_jaro(a, b)::numeric, 6) AS jaro,
       round(text_jaro_winkler(a, b)::numeric, 6) AS jaro_winkler
FROM (VALUES ('MARTHA', 'MARHTA'), ('DIXON', 'DICKSONX'), ('DWAYNE', 'DUANE'), ('JONES', 'JOHNSON'),
    ('SHACKLEFORD', 'SHACKELFORD'), ('DUNNINGHAM', 'CUNNIGHAM'), ('NICHLESON', 'NICHULSON'),
    ('MASSEY', 'MASSIE'), ('ABROMS', 'ABRAMS'), ('HARDIN', 'MARTINEZ'), ('ITMAN', 'SMITH'),
    ('JERALDINE', 'GERALDINE'), ('MICHELLE', 'MICHAEL'), ('JULIES', 'JULIUS'), ('TANYA', 'TONYA'),
    ('SEAN', 'SUSAN'), ('JON', 'JOHN'), ('JON', 'JAN'), ('BROOKHAVEN', 'BRROKHAVEN'),
    ('BROOK HALLOW', 'BROOK HLLW'), ('DECATUR', 'DECATIR'), ('FITZRUREITER', 'FITZENREITER'),
    ('HIGBEE', 'HIGVEE'), ('LACURA', 'LOCURA'), ('IOWA', 'IONA'), ('', ''), ('', 'a'), ('a', 'b')) v(a, b);

-- by characters, not bytes
SELECT round(text_jaro_winkler('jose', 'josé')::numeric, 6), text_levenshtein('中', 'a'), text_osa('ñu', 'uñ');

-- one against many gives what pairs give
SELECT text_jaro_winkler('maria', ARRAY['mario', NULL, 'marta', 'luis', 'maría']) =
       ARRAY[text_jaro_winkler('maria', 'mario'), NULL, text_jaro_winkler('maria', 'marta'),
             text_jaro_winkler('maria', 'luis'), text_jaro_winkler('maria', 'maría')] AS same,
       text_jaro_winkler('a', '{}'::text[]) AS none;

SELECT text_levenshtein('kitten', 'sitting'), text_levenshtein('MARTHA', 'MARHTA'), text_osa('MARTHA', 'MARHTA'),
       text_levenshtein('CA', 'ABC'), text_osa('CA', 'ABC'), text_levenshtein(repeat('a', 256), 'b'),
       text_levenshtein('extensive', 'exhaustive'), text_levenshtein('extensive', 'exhaustive', 2),
       text_levenshtein('', 'abc'), text_levenshtein('abc', ''), text_levenshtein('', ''), text_levenshtein('a', NULL);

-- Random strings of up to 150 characters against the textbook recurrences
CREATE FUNCTION edit_distance(a text, b text, swaps boolean) RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
  d integer[];
  w integer := length(b) + 1;
  best integer;
BEGIN
  FOR i IN 0 .. length(a) LOOP
    FOR j IN 0 .. length(b) LOOP
      IF i = 0 OR j = 0 THEN best := i + j;
      ELSE
        best := least(d[(i - 1) * w + j] + 1, d[i * w + j - 1] + 1,
                      d[(i - 1) * w + j - 1] + (substr(a, i, 1) <> substr(b, j, 1))::integer);
        IF swaps AND i > 1 AND j > 1 AND substr(a, i, 1) = substr(b, j - 1, 1)
           AND substr(a, i - 1, 1) = substr(b, j, 1) THEN
          best := least(best, d[(i - 2) * w + j - 2] + 1);
        END IF;
      END IF;
      d[i * w + j] := best;
    END LOOP;
  END LOOP;
  RETURN d[length(a) * w + length(b)];
END $$;

CREATE FUNCTION jaro_reference(a text, b text) RETURNS float8 LANGUAGE plpgsql AS $$
DECLARE
  n integer := length(a);
  m integer := length(b);
  reach integer := greatest(0, greatest(length(a), length(b)) / 2 - 1);
  taken boolean[] := array_fill(false, ARRAY[greatest(length(b), 1)]);
  used text := '';
  kept text := '';
  t integer := 0;
BEGIN
  IF n = 0 OR m = 0 THEN RETURN (n = m)::integer; END IF;
  FOR i IN 1 .. n LOOP
    FOR j IN greatest(1, i - reach) .. least(m, i + reach) LOOP
      IF NOT taken[j] AND substr(a, i, 1) = substr(b, j, 1) THEN
        taken[j] := true;
        used := used || substr(a, i, 1);
        EXIT;
      END IF;
    END LOOP;
  END LOOP;
  FOR j IN 1 .. m LOOP
    IF taken[j] THEN kept := kept || substr(b, j, 1); END IF;
  END LOOP;
  IF used = '' THEN RETURN 0; END IF;
  FOR k IN 1 .. length(used) LOOP
    t := t + (substr(used, k, 1) <> substr(kept, k, 1))::integer;
  END LOOP;
  RETURN (length(used)::float8 / n + length(used)::float8 / m +
          (length(used) - t / 2)::float8 / length(used)) / 3;
END $$;

CREATE TABLE random_pairs AS
WITH words AS (
  SELECT n, setseed(0.25) IS NULL AS seeded,
         (SELECT coalesce(string_agg(substr('abcñ中', 1 + floor(random() * 5)::integer, 1), ''), '')
          FROM generate_series(1, CASE WHEN n % 10 = 0 THEN 60 + n % 90 ELSE n % 13 END) k WHERE n IS NOT NULL) AS a
  FROM generate_series(1, 240) n)
SELECT x.a, y.a AS b FROM words x JOIN words y ON y.n IN (x.n + 1, x.n + 10);

SELECT count(*) AS pairs,
       count(*) FILTER (WHERE text_levenshtein(a, b) <> edit_distance(a, b, false)) AS levenshtein_differs,
       count(*) FILTER (WHERE text_osa(a, b) <> edit_distance(a, b, true)) AS osa_differs,
       count(*) FILTER (WHERE text_levenshtein(a, b, 3) <> least(edit_distance(a, b, false), 4)) AS bounded_differs,
       count(*) FILTER (WHERE text_osa(a, b, 3) <> least(edit_distance(a, b, true), 4)) AS bounded_osa_differs,
       count(*) FILTER (WHERE abs(text_jaro(a, b) - least(jaro_reference(b, a), 1)) > 1e-12
                          AND abs(text_jaro(a, b) - least(jaro_reference(a, b), 1)) > 1e-12) AS jaro_differs
FROM random_pairs;
DROP TABLE random_pairs;
DROP FUNCTION edit_distance(text, text, boolean);
DROP FUNCTION jaro_reference(text, text);

-- Names
SELECT name, name_normalize(name), (name_parse(name)).*
FROM unnest(ARRAY['Mª del Carmen García de la Torre', 'Fco. Javier Hdez. y López', 'D. José Luis Pérez',
    'Dª Ana María de los Ángeles Ruiz Martín', 'López Gómez, Juan Antonio', 'Juan', 'Ortega y Gasset, José',
    'Miguel O’Brien', '  ', 'De La']) AS name;
SELECT a, b, round(name_similarity(a, b)::numeric, 4) AS similarity, name_similarity(a, b) = name_similarity(b, a) AS symmetric
FROM (VALUES ('José García López', 'Lopez Garcia, Jose'), ('Ana García', 'Ana Garcia Lopez'), ('J. García', 'José García'),
    ('Mª Carmen Pérez', 'María del Carmen Peres'), ('Ana Ruiz', 'Pedro Gil'), ('', ''), ('Ana', '')) v(a, b);
SELECT name_phonetic(a) AS key, string_agg(a, ' ' ORDER BY a COLLATE "C") AS names
FROM unnest('{Vaca,Baca,Hernández,Ernandez,Jimenez,Gimenez,Muñoz,Munoz,Quesada,Kesada,Gonzalez,Gonzales,Guillermo,Giyermo,Yañez,Llanez,Chávez,Chavez,José,Jose,Xavier,Javier,Sánchez,Campos}'::text[]) a
GROUP BY name_phonetic(a) ORDER BY name_phonetic(a) COLLATE "C";
SELECT text_normalize('  ¡Straße, Nº 5 — ÆØÅ! '), text_normalize('Иван ΣΟΦΙΑ'), text_normalize('');

-- Contact data and documents
SELECT text_phone('(011) 4321-1234', 'AR'), text_phone('011 15 4321-1234', 'AR'), text_phone('044 55 1234 5678', 'MX'),
       text_phone('612 34 56 78'), text_phone('0034612345678'), text_phone('+34 (612) 34-56-78', 'US'),
       text_phone('000-000-0000', 'US'), text_phone('123', 'US'), text_phone('call me'), text_phone('(212) 555-0123', 'us');
SELECT text_email(' Foo.Bar+x@GoogleMail.com '), text_email('foo.bar+x@x.es'), text_email('foo.bar+x@x.es', drop_tag => false),
       text_email('foo.bar@gmail.com', drop_dots => false), text_email('a@b'), text_email('a@@b.c'), text_email('.a@b.es'), text_email('');
SELECT text_document('12345678-z'), text_document('12345678A'), text_document('X-1234567-L'), text_document('1.234.567-L'),
       text_document('B12345674'), text_document('B12345678'), text_document('Q2826000H'), text_document('PASSPORT');
SELECT kind, value, text_is_placeholder(value, kind)
FROM (VALUES ('phone', '000-000-0000'), ('phone', '+34600000000'), ('phone', '612345678'), ('phone', '612 93 45 67'),
    ('email', 'test@test.com'), ('email', 'noemail@gmail.com'), ('email', 'ana@gmail.com'), ('text', 'N/A'), ('text', '-'),
    ('text', 'Desconocido'), ('text', 'xxx'), ('text', 'Ana'), ('name', 'S/N'), ('date', '1900-01-01'), ('date', '1980-05-06'),
    ('document', '00000000T'), ('document', '12345679S')) v(kind, value);
SELECT text_date_similarity('1980-05-06', d) FROM unnest(ARRAY['1980-05-06', '1980-06-05', '1980-05-16', '1981-05-06',
    '1980-05-12', '1980-01-31', '1979-11-30', '1955-12-24', 'infinity']::date[]) d;

-- Errors
SELECT text_jaro_winkler('a', 'b', prefix_scale => 0.3);
SELECT text_jaro_winkler('a', 'b', boost_from => 2);
SELECT text_jaro_winkler('a', ARRAY[ARRAY['b']]);
SELECT text_levenshtein('a', 'b', max_distance => -1);
SELECT text_osa('a', 'b', -1);
SELECT text_phone('1', 'XX');
SELECT text_is_placeholder('a', 'colour');
