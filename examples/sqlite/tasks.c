/* SQLite per task: `query` answers SQL that somebody else wrote over a database that came with it, and changes nothing
 * for anybody. The arguments are the SQL and the file's bytes, by packArguments; the result has the lines that the
 * command-line tool prints. */
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>
#include <wasmpool.h>

static int print_row(void *to, int count, char **values, char **names) {
  (void)names;
  for (int i = 0; i < count; i++)
    sqlite3_str_appendf(to, "%s%s", i > 0 ? "|" : "", values[i] ? values[i] : "");
  sqlite3_str_appendall(to, "\n");
  return sqlite3_str_errcode(to);
}

WP_TASK(query) {
  size_t bytes;
  const char *sql = wp_task_argument_text(task, 0);
  const void *file = wp_task_argument(task, 1, &bytes, NULL);
  if (!sql || !file) return wp_task_fail(task, "the arguments are SQL and a database file");
  sqlite3 *database = NULL;
  if (sqlite3_open(":memory:", &database)) return WP_E_NO_MEMORY;
  if (bytes > 0) /* read in place: the instance's own copy */
    sqlite3_deserialize(database, "main", (unsigned char *)file, (sqlite3_int64)bytes,
                        (sqlite3_int64)bytes, SQLITE_DESERIALIZE_READONLY);
  sqlite3_str *rows = sqlite3_str_new(database);
  char *error = NULL;
  wp_status status = WP_OK;
  if (sqlite3_exec(database, sql, print_row, rows, &error))
    status = wp_task_fail(task, error ? error : "out of memory");
  else
    status = wp_task_result(task, WP_TYPE_STRING, sqlite3_str_value(rows),
                            (size_t)sqlite3_str_length(rows));
  sqlite3_free(error);
  sqlite3_free(sqlite3_str_finish(rows));
  sqlite3_close(database);
  return status;
}
