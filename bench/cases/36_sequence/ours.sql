SELECT count(*) FROM journeys WHERE journey ~ 'view -[<= 1 day]-> cart -> purchase';
