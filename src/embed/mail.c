/* Completions on their way to the caller: from the workers' lists, or from calls that end tasks; some wait in the mail until somebody asks
 * for them. */
#include "base/fault.h"
#include "box.h"
#include "embed.h"
#include "task.h"
#include <stdlib.h>

/* ---- The mail ---- */

static wp_letter *letter_at(const wp_mail *mail, uint32_t number) {
  return &mail->letters[number - 1];
}

bool wp__mail_reserve(wp_pool *pool) {
  wp_mail *mail = &pool->embedder->mail;
  /* Relaxed is exact enough: only main adds tasks, and it frees them. */
  uint64_t needed = (uint64_t)mail->count + wp_atomic_load_relaxed_u32(&pool->slots.in_use) + 1;
  if (needed <= mail->capacity) return true;
  uint64_t capacity = needed < 32 ? 64 : 2 * needed;
  if (capacity >= WP_NONE || WP_FAULT("mail")) return false;
  wp_letter *grown = realloc(mail->letters, (size_t)capacity * sizeof *grown);
  if (!grown) return false;
  mail->letters = grown;
  for (uint32_t number = (uint32_t)capacity; number > mail->capacity; number--) {
    letter_at(mail, number)->next = mail->free;
    mail->free = number;
  }
  mail->capacity = (uint32_t)capacity;
  return true;
}

static void push(wp_embedder *embedder, const wp_completion *completion) {
  wp_mail *mail = &embedder->mail;
  uint32_t number = mail->free;
  wp_letter *letter = letter_at(mail, number);
  mail->free = letter->next;
  *letter = (wp_letter){.completion = *completion, .previous = mail->last};
  if (mail->last)
    letter_at(mail, mail->last)->next = number;
  else
    mail->first = number;
  mail->last = number;
  mail->count++;
  uint32_t *link = &embedder->tickets[completion->handle.index].mail;
  while (*link) link = &letter_at(mail, *link)->next_same;
  *link = number;
}

static void remove_letter(wp_embedder *embedder, uint32_t number, wp_completion *completion) {
  wp_mail *mail = &embedder->mail;
  wp_letter *letter = letter_at(mail, number);
  *completion = letter->completion;
  uint32_t *link = &embedder->tickets[completion->handle.index].mail;
  while (*link != number) link = &letter_at(mail, *link)->next_same;
  *link = letter->next_same;
  if (letter->previous)
    letter_at(mail, letter->previous)->next = letter->next;
  else
    mail->first = letter->next;
  if (letter->next)
    letter_at(mail, letter->next)->previous = letter->previous;
  else
    mail->last = letter->previous;
  letter->next = mail->free;
  mail->free = number;
  mail->count--;
}

bool wp__mail_take(wp_pool *pool, wp_completion *completion) {
  uint32_t first = pool->embedder->mail.first;
  if (first) remove_letter(pool->embedder, first, completion);
  return first;
}

bool wp__mail_take_of(wp_pool *pool, wp_handle handle, wp_completion *completion) {
  wp_embedder *embedder = pool->embedder;
  if (handle.index >= embedder->ticket_count) return false;
  uint32_t at = embedder->tickets[handle.index].mail;
  while (at && letter_at(&embedder->mail, at)->completion.handle.generation != handle.generation)
    at = letter_at(&embedder->mail, at)->next_same;
  if (at) remove_letter(embedder, at, completion);
  return at;
}

/* ---- Tickets ---- */

bool wp__mail_register(wp_pool *pool, wp_handle handle, void *user) {
  wp_embedder *embedder = pool->embedder;
  if (handle.index >= embedder->ticket_count) {
    uint32_t count = wp_atomic_load_acquire_u32(&pool->slots.capacity);
    wp_ticket *grown =
        WP_FAULT("tickets") ? NULL : realloc(embedder->tickets, count * sizeof *grown);
    if (!grown) return false;
    for (uint32_t i = embedder->ticket_count; i < count; i++) grown[i] = (wp_ticket){.ended = true};
    embedder->tickets = grown;
    embedder->ticket_count = count;
  }
  wp_ticket *ticket = &embedder->tickets[handle.index];
  ticket->generation = handle.generation;
  ticket->user = user;
  ticket->ended = false;
  return true;
}

/* The ticket of a task whose end has still to come, or NULL. */
static wp_ticket *find(const wp_pool *pool, wp_handle handle) {
  const wp_embedder *embedder = pool->embedder;
  if (handle.index >= embedder->ticket_count) return NULL;
  wp_ticket *ticket = &embedder->tickets[handle.index];
  return ticket->generation == handle.generation && !ticket->ended ? ticket : NULL;
}

bool wp__mail_expects(const wp_pool *pool, wp_handle handle) { return find(pool, handle) != NULL; }

/* ---- Completions ---- */

void wp__embed_settle(wp_pool *pool, wp_handle handle, wp_status status) {
  wp_ticket *ticket = find(pool, handle);
  if (!ticket) return;
  ticket->ended = true;
  wp_task_count_settled(pool, 1, status != WP_OK);
  push(pool->embedder,
       &(wp_completion){.handle = handle, .status = status, .slot = WP_NONE, .user = ticket->user});
  wp__turn_tell(&pool->embedder->turn, pool);
}

/* Reads a finished slot. False: a value of a task whose end the caller knows already, or will learn first. */
static bool read_slot(wp_pool *pool, uint32_t index, wp_completion *completion) {
  const wp_slot *slot = wp_slot_at(&pool->slots, index);
  const wp_value *result = &slot->result;
  bool progress = slot->flags & WP_SLOT_EVENT;
  uint32_t generation = wp_word_generation(wp_atomic_load_acquire_u64(&slot->word));
  wp_handle handle = progress ? (wp_handle){slot->parent, slot->parent_generation}
                              : (wp_handle){index, generation};
  wp_ticket *ticket = find(pool, handle);
  if (!ticket) return false;
  if (!progress) {
    ticket->ended = true;
    wp_task_count_settled(pool, 1, slot->status != WP_OK);
  }
  *completion = (wp_completion){
      .handle = handle,
      .status = slot->status,
      .type = result->type,
      .data = result->box ? (const void *)(uintptr_t)wp_box_at(pool, result->box - 1)->address
                          : slot->result_inline,
      .bytes = result->bytes,
      .progress = progress,
      .slot = index,
      .user = ticket->user,
  };
  return true;
}

bool wp__mail_drain(wp_pool *pool, wp_completion *completion) {
  uint32_t index = 0;
  while (wp_task_drain(pool, &index, 1)) {
    if (read_slot(pool, index, completion)) return true;
    wp_task_free(pool, WP_MAIN, index);
  }
  return false;
}

wp_status wp__mail_collect(wp_pool *pool) {
  wp_completion completion;
  bool came = false, room = wp__mail_reserve(pool);
  while (room && wp__mail_drain(pool, &completion)) {
    push(pool->embedder, &completion);
    came = true;
    room = wp__mail_reserve(pool);
  }
  if (came) wp__turn_tell(&pool->embedder->turn, pool);
  return room ? WP_OK : WP_E_NO_MEMORY;
}
