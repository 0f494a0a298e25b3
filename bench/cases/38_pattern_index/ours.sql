SELECT count(*) FROM journeys WHERE journey ~ 'unsubscribe -[<= 1 day]-> refund -> complaint';
