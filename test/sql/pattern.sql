-- Printing: every construct, canonical, and read back to the same.
SELECT p AS source, p::journey_pattern AS pattern, (p::journey_pattern::text)::journey_pattern = p::journey_pattern AS same
FROM unnest(ARRAY[
    'search+->purchase', 'cart -[<=1 day,!complaint]-> purchase', 'complaint@call_center !-[<= 30 days]-> purchase',
    'view@app (cart | wishlist){1,3} -> purchase@store(value>=100)', '^signup -[1 hour..7 days]-> [subscribe|purchase|purchase] within 30 days',
    'call (-[<= 7 days, !resolved]-> call){2,}', 'PERMUTE(email_open,visit , call) -> purchase same item',
    'a', '.', '[^b|a]', '"a b"', '''a b''', '"say ""hi"""', '"WITHIN"', '"a.b" a-b a:b a/b a_b 404', 'añadir-al-carrito', '"señal única"',
    'a@web#sku-7', 'a@[web|app](value between 1 and 5, time < ''2026-03-01'')#[x|"y z"]', 'a(value <> -1.5e3)', 'a AS x -> b AS "y z"',
    '(a AS x)+', 'a?', 'a??', 'a*?', 'a{3}', 'a{2,}', 'a{2,5}?', '((a b) -> c) | d', 'a (b | c) d', 'a -> (b -> c WITHIN 1 hour) SAME item WITHIN 2 weeks',
    'a -[> 90 min]-> b', 'a -[>= 0.5 s, < 2 h]-> b', 'a -[<= 3 events]-> b', 'a -[2 .. 4 events]-> b', 'a -[< 3 event]-> b', 'a -[!b SAME]-> c SAME channel',
    'a -> b !-> c', 'a !-[<= 1 d, !x]-> b | c', 'a $', '^ a $', '(^ a | b) c', '(-> a){2}', '(-[<= 1 day]-> a | b)+', 'a DIFFERENT item SAME channel',
    'a -[<= 1 day 2 hours 3 min 4.5 s]-> b', '(-> a)', '(b | -> a)', '((a)+)+'
]) p;

-- A name that needs quoting, and back
SELECT n, pattern_quote(n), journey_pattern(pattern_quote(n)) FROM unnest(ARRAY['cart', 'add to cart', 'page.view', 'a-b', '-a', 'a--b', 'within', 'Permute',
    'añadir', 'dit "oui"', 'it''s', '商品', 'a.', '.', '[x]', 'a@b', '1.5', 'e-mail:open/2']) n;
SELECT pattern_quote('');

-- Errors name the character and what was expected
SELECT ''::journey_pattern;
SELECT 'a ->'::journey_pattern;
SELECT 'a -> -> b'::journey_pattern;
SELECT '-> a'::journey_pattern;
SELECT 'view(cart|wishlist)'::journey_pattern;
SELECT 'a (b'::journey_pattern;
SELECT 'a) b'::journey_pattern;
SELECT 'within'::journey_pattern;
SELECT 'a WITHIN 1 month'::journey_pattern;
SELECT 'a WITHIN 1 day WITHIN 2 days'::journey_pattern;
SELECT 'a SAME value'::journey_pattern;
SELECT 'a SAME item DIFFERENT item'::journey_pattern;
SELECT 'a -[!b SAME]-> c'::journey_pattern;
SELECT 'a !-> b -> c'::journey_pattern;
SELECT '(a !-> b)+'::journey_pattern;
SELECT 'a !-> (b c)'::journey_pattern;
SELECT 'a -> (-> b)'::journey_pattern;
SELECT 'a{2,1}'::journey_pattern;
SELECT 'a{1001}'::journey_pattern;
SELECT 'a+*'::journey_pattern;
SELECT 'a+ AS x'::journey_pattern;
SELECT '"a'::journey_pattern;
SELECT '[a|b(value > 1)]'::journey_pattern;
SELECT 'a#x@y'::journey_pattern;
SELECT 'a(value > x)'::journey_pattern;
SELECT 'a(time > ''yesterday'')'::journey_pattern;
SELECT 'a -[2 days .. 1 day]-> b'::journey_pattern;
SELECT 'a -[<= 0 events]-> b'::journey_pattern;
SELECT 'a -[<= 1 day, <= 2 days]-> b'::journey_pattern;
SELECT 'permute(a b)'::journey_pattern;
SELECT 'señal -> €'::journey_pattern;
SELECT '((a{50}){50}){50}'::journey_pattern;

-- Binary form, comparison, collections
CREATE TEMP TABLE stored (p journey_pattern);
INSERT INTO stored VALUES ('a  ->b'), ('a -> b'), ('b'), ('a -[<= 1 day]-> b SAME item');
SELECT p, count(*) FROM stored GROUP BY p ORDER BY p::text COLLATE "C";
SELECT count(DISTINCT p), (SELECT count(*) FROM stored s JOIN stored r USING (p)) AS joined FROM stored;
SELECT p, encode(journey_pattern_send(p), 'escape') FROM stored ORDER BY 1;

-- Parameters of drivers are varchar or text, and so are variables of procedures
PREPARE by_varchar(varchar) AS SELECT '{a 2026-01-01 00:00:00+00}'::journey ~ $1;
EXECUTE by_varchar('a');
PREPARE by_text(text) AS SELECT '{a 2026-01-01 00:00:00+00}'::journey !~ $1;
EXECUTE by_text('a');
DO $$
DECLARE
    p text := 'a';
    v varchar := 'b';
BEGIN
    RAISE NOTICE '% %', '{a 2026-01-01 00:00:00+00}'::journey ~ p, '{a 2026-01-01 00:00:00+00}'::journey ~ v;
END $$;
