/* SQLite per task: `query` answers SQL that somebody else wrote over a database that came with it, and changes nothing
 * for anybody. The argument is the SQL, a zero byte, and the file's bytes; the result has the lines that the
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
  const char *sql = wp_task_input(task, &bytes, NULL);
  const char *end = memchr(sql, 0, bytes);
  if (!end) return wp_task_fail(task, "no zero byte between the SQL and the database");
  sqlite3_int64 size = (sqlite3_int64)(bytes - (size_t)(end + 1 - sql));
  unsigned char *file = (unsigned char *)end + 1; /* read in place: the instance's own copy */
  sqlite3 *database = NULL;
  if (sqlite3_open(":memory:", &database)) return WP_E_NO_MEMORY;
  if (size > 0)
    sqlite3_deserialize(database, "main", file, size, size, SQLITE_DESERIALIZE_READONLY);
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
