/* wp_pool_check: in a file of its own, so that programs which never call it are linked without the checks. */
#include "actor_box.h"
#include "box.h"
#include "group.h"
#include "lanes.h"
#include "lock.h"
#include "mailbox.h"
#include "name.h"
#include "rooms.h"
#include "task.h"

static bool (*const checks[])(const wp_pool *pool) = {
#define ROOM(name, hooks) hooks
#define OPEN(function)
#define REBUILD(function)
#define REAP(function)
#define RECOUNT(function)
#define CHECK(function) function,
#define CHORE(bit, function)
#include "rooms.def"
};

wp_status wp_pool_check(wp_pool *pool) {
  bool fine = !pool->recount_due;
  for (size_t i = 0; fine && i < sizeof checks / sizeof checks[0]; i++) fine = checks[i](pool);
  return fine ? WP_OK : WP_E_BROKEN_INVARIANT;
}
