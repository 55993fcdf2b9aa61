/*
 * A C task that reads JSON, with jsmn (one header; Debian: libjsmn-dev, else https://github.com/zserge/jsmn):
 *
 *   emcc -O2 -Ifolder-with-jsmn json.c $(npx wasmpool-config --isolated) -o json.mjs
 *
 * await pool.dispatch('bill', { items: [{ name: 'pen', price: 2.5, count: 4 }] })   // { name: "pen", total: 10 } of the dearest item
 */
#include <jsmn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <wasmpool.h>

/* How many tokens the value at `token` has, itself and what is inside. */
static int size_of(const jsmntok_t *token) {
  int size = 1;
  for (int i = 0; i < token->size; i++) size += size_of(token + size);
  return size;
}

static bool is(const char *json, const jsmntok_t *token, const char *text) {
  size_t bytes = (size_t)(token->end - token->start);
  return token->type == JSMN_STRING && strlen(text) == bytes &&
         memcmp(json + token->start, text, bytes) == 0;
}

/* The value of an object's key; NULL: it has none. */
static const jsmntok_t *member(const char *json, const jsmntok_t *object, const char *key) {
  if (!object || object->type != JSMN_OBJECT) return NULL;
  const jsmntok_t *token = object + 1;
  for (int i = 0; i < object->size; i++, token += size_of(token))
    if (is(json, token, key)) return token + 1; /* jsmn counts a value as the inside of its key */
  return NULL;
}

static double number(const char *json, const jsmntok_t *token) {
  return token && token->type == JSMN_PRIMITIVE ? strtod(json + token->start, NULL) : 0;
}

/* The item of which all together cost most, and how much. */
WP_TASK(bill) {
  const char *json = wp_task_text(task);
  if (!json) return wp_task_fail(task, "bill: the argument is an object");
  jsmn_parser parser;
  jsmn_init(&parser);
  int count = jsmn_parse(&parser, json, strlen(json), NULL, 0);
  jsmntok_t *tokens = count > 0 ? wp_task_alloc(task, sizeof *tokens * (size_t)count) : NULL;
  jsmn_init(&parser);
  if (!tokens || jsmn_parse(&parser, json, strlen(json), tokens, (unsigned)count) != count)
    return wp_task_fail(task, "bill: the argument is no JSON");
  const jsmntok_t *items = member(json, tokens, "items"), *dearest = NULL;
  if (!items || items->type != JSMN_ARRAY) return wp_task_fail(task, "bill: there are no items");
  double most = 0;
  const jsmntok_t *item = items + 1;
  for (int i = 0; i < items->size; i++, item += size_of(item)) {
    double total =
        number(json, member(json, item, "price")) * number(json, member(json, item, "count"));
    if (total <= most) continue;
    most = total;
    dearest = member(json, item, "name");
  }
  if (!dearest || dearest->type != JSMN_STRING)
    return wp_task_fail(task, "bill: no item costs anything");
  int length =
      dearest->end - dearest->start; /* as it was escaped, so it can be written again as it is */
  size_t room = (size_t)length + 64;
  char *result = wp_task_alloc(task, room);
  if (!result) return WP_E_NO_MEMORY;
  int bytes = snprintf(result, room, "{\"name\":\"%.*s\",\"total\":%.15g}", length,
                       json + dearest->start, most);
  return wp_task_result(task, WP_TYPE_JSON, result, (size_t)bytes);
}
