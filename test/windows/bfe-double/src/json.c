/* Text that grows, and JSON in it. */
#include "bfe.h"
#include <stdarg.h>

static void room(struct text *t, size_t more) {
  if (t->used + more + 1 <= t->capacity) return;
  t->capacity = (t->used + more + 1) * 2 + 256;
  t->at = realloc(t->at, t->capacity);
}

void put_raw(struct text *t, const char *bytes, size_t size) {
  room(t, size);
  if (size > 0) memcpy(t->at + t->used, bytes, size);
  t->used += size;
  t->at[t->used] = 0;
}

void put(struct text *t, const char *format, ...) {
  char piece[512];
  va_list list;
  va_start(list, format);
  int size = vsnprintf(piece, sizeof piece, format, list);
  va_end(list);
  put_raw(t, piece, size < 0 ? 0 : size >= (int)sizeof piece ? sizeof piece - 1 : (size_t)size);
}

void put_utf8(struct text *t, const char *s) {
  put_raw(t, "\"", 1);
  for (; *s; s++) {
    if (*s == '"' || *s == '\\') put(t, "\\%c", *s);
    else if ((unsigned char)*s < 0x20) put(t, "\\u%04x", *s);
    else put_raw(t, s, 1);
  }
  put_raw(t, "\"", 1);
}

void put_string(struct text *t, const WCHAR *s) {
  if (s == NULL) {
    put(t, "null");
    return;
  }
  int size = WideCharToMultiByte(CP_UTF8, 0, s, -1, NULL, 0, NULL, NULL);
  char *utf8 = malloc((size_t)size + 1);
  utf8[0] = 0;
  WideCharToMultiByte(CP_UTF8, 0, s, -1, utf8, size, NULL, NULL);
  put_utf8(t, utf8);
  free(utf8);
}

void put_hex(struct text *t, const void *bytes, size_t size) {
  static const char digit[] = "0123456789abcdef";
  room(t, size * 2 + 2);
  t->at[t->used++] = '"';
  for (size_t i = 0; i < size; i++) {
    BYTE b = ((const BYTE *)bytes)[i];
    t->at[t->used++] = digit[b >> 4];
    t->at[t->used++] = digit[b & 15];
  }
  put_raw(t, "\"", 1);
}

void put_guid(struct text *t, const GUID *g) {
  char text[37];
  if (g == NULL) put(t, "null");
  else put(t, "\"%s\"", guid_text(g, text));
}
