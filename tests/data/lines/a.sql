-- CREATE TABLE commented (id int);
/* CREATE VIEW blocked AS SELECT 1; */
CREATE TABLE IF NOT EXISTS public.tide (
    id BIGSERIAL PRIMARY KEY,
    "level" integer NOT NULL,
    kind text DEFAULT 'CREATE TABLE quoted',
    CONSTRAINT positive CHECK (level > 0)
);
create or replace view tide_view as select 1;
CREATE MATERIALIZED VIEW tide_mat AS SELECT 1;
CREATE OR REPLACE FUNCTION rise(by int) RETURNS int AS $$
BEGIN
    CREATE TEMP TABLE inner_temp (x int);
    RETURN by;
END;
$$ LANGUAGE plpgsql;
CREATE UNIQUE INDEX tide_idx ON tide (level);
CREATE TRIGGER tide_trigger AFTER INSERT ON tide EXECUTE FUNCTION rise();
CREATE TYPE color AS ENUM ('red');
CREATE SCHEMA harbour;
CREATE SEQUENCE tide_seq;
GO
CREATE PROCEDURE [dbo].[FallProc] @by INT AS BEGIN SELECT 1 END
GO
ALTER PROCEDURE dbo.OldProc AS SELECT 1
CREATE OR REPLACE PACKAGE BODY tide_pkg AS
  FUNCTION pkg_rise(x NUMBER) RETURN NUMBER IS BEGIN RETURN x; END;
END;
INSERT INTO tide VALUES (1);
SELECT * FROM tide;
