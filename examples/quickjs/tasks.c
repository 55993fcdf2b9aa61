/* Untrusted JavaScript: `run` runs a script in a QuickJS runtime of its own, and answers with what it printed. A script
 * that never ends is killed with the worker's instance; one that throws fails its own task only. */
#include <cutils.h>
#include <quickjs.h>
#include <string.h>
#include <wasmpool.h>

/* What the script may use: QuickJS reports an error to the script at this limit, the instance's own lies above it. */
enum { SCRIPT_BYTES = 32 << 20 };

/* print(a, b, …): as the command-line tool has it, a line of text with spaces in between. */
static JSValue print(JSContext *script, JSValueConst self, int count, JSValueConst *values) {
  DynBuf *output = JS_GetContextOpaque(script);
  (void)self;
  for (int i = 0; i < count; i++) {
    size_t bytes;
    const char *text = JS_ToCStringLen(script, &bytes, values[i]);
    if (!text) return JS_EXCEPTION;
    if (i > 0) dbuf_putc(output, ' ');
    dbuf_put(output, (const uint8_t *)text, bytes);
    JS_FreeCString(script, text);
  }
  dbuf_putc(output, '\n');
  return JS_UNDEFINED;
}

static wp_status fail_with_exception(wp_task *task, JSContext *script) {
  JSValue error = JS_GetException(script);
  const char *text = JS_ToCString(script, error);
  wp_status status = wp_task_fail(task, text ? text : "the script threw what has no text");
  JS_FreeCString(script, text);
  JS_FreeValue(script, error);
  return status;
}

WP_TASK(run) {
  const char *source = wp_task_text(task);
  if (!source) return wp_task_fail(task, "the argument is the text of a script");
  JSRuntime *runtime = JS_NewRuntime();
  JSContext *script = runtime ? JS_NewContext(runtime) : NULL;
  if (!script) return WP_E_NO_MEMORY;
  DynBuf output;
  dbuf_init(&output);
  JS_SetMemoryLimit(runtime, SCRIPT_BYTES);
  JS_SetContextOpaque(script, &output);
  JSValue global = JS_GetGlobalObject(script);
  JS_SetPropertyStr(script, global, "print", JS_NewCFunction(script, print, "print", 1));
  JS_FreeValue(script, global);
  JSValue value = JS_Eval(script, source, strlen(source), "script", JS_EVAL_TYPE_GLOBAL);
  wp_status status = JS_IsException(value)
                         ? fail_with_exception(task, script)
                         : wp_task_result(task, WP_TYPE_STRING, output.buf, output.size);
  JS_FreeValue(script, value);
  dbuf_free(&output);
  JS_FreeContext(script);
  JS_FreeRuntime(runtime);
  return status;
}
