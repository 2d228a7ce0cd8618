"""Foreign keys over two columns, which Django's models cannot declare: they keep sites and articles apart.

The model's ForeignKey has `db_constraint=False`; the target has a unique constraint over the same columns.
"""

from django.db.migrations import RunSQL


def composite_foreign_key(
    table: str, columns: tuple[str, str], target: str, target_columns: tuple[str, str], on_delete: str = "NO ACTION"
) -> RunSQL:
    """Return the migration operation that adds the key; a row with a null in `columns` is not checked.

    The check may be deferred within a transaction, and is immediate unless asked.
    """
    name = f"{table}_{'_'.join(columns)}_fk"
    add = (
        f"ALTER TABLE {table} ADD CONSTRAINT {name} FOREIGN KEY ({', '.join(columns)}) "
        f"REFERENCES {target} ({', '.join(target_columns)}) ON DELETE {on_delete} DEFERRABLE INITIALLY IMMEDIATE"
    )
    return RunSQL(add, f"ALTER TABLE {table} DROP CONSTRAINT {name}")
