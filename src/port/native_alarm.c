/* The bell of native hosts, and the descriptor that makes it part of an event loop. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* before any header */
#endif
#include "base/fault.h"
#include "port/port.h"
#include <errno.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

void wp_port_ring(wp_atomic_u32 *bell, uint32_t descriptor) {
  wp_port_wake(bell, 1);
  const uint64_t one = 1;
  /* A write fails only when the count is at its end: then the descriptor is readable already. It must not change the errno of a task. */
  int before = errno;
  if (descriptor && write((int)descriptor - 1, &one, sizeof one) < 0) errno = before;
}

static bool watch(int all, int descriptor) {
  struct epoll_event event = {.events = EPOLLIN, .data = {.fd = descriptor}};
  return epoll_ctl(all, EPOLL_CTL_ADD, descriptor, &event) == 0;
}

bool wp_port_alarm_open(wp_port_alarm *alarm) {
  if (WP_FAULT("alarm")) return false;
  alarm->signal = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
  alarm->timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
  alarm->descriptor = epoll_create1(EPOLL_CLOEXEC);
  bool opened = alarm->signal >= 0 && alarm->timer >= 0 && alarm->descriptor >= 0 &&
                watch(alarm->descriptor, alarm->signal) && watch(alarm->descriptor, alarm->timer);
  if (!opened) wp_port_alarm_close(alarm);
  return opened;
}

void wp_port_alarm_close(const wp_port_alarm *alarm) {
  if (alarm->descriptor >= 0) close(alarm->descriptor);
  if (alarm->timer >= 0) close(alarm->timer);
  if (alarm->signal >= 0) close(alarm->signal);
}

void wp_port_alarm_set(const wp_port_alarm *alarm, double after_ms) {
  int64_t ns = (int64_t)(after_ms * 1e6);
  if (ns < 1) ns = 1; /* 0 would stop the timer */
  const struct itimerspec at = {.it_value = {(time_t)(ns / 1000000000), (long)(ns % 1000000000)}};
  timerfd_settime(alarm->timer, 0, &at, NULL);
}

void wp_port_alarm_clear(const wp_port_alarm *alarm) {
  uint64_t count = 0;
  ssize_t none = read(alarm->signal, &count, sizeof count);
  none += read(alarm->timer, &count, sizeof count);
  (void)none; /* whether they were raised does not matter */
}
