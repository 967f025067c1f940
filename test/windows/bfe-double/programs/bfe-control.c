/* Runs commands of the double's control, one an argument, and writes the dump: for when no other program of the prefix does. */
#include "../src/bfe.h"

DWORD WINAPI CordonBfeControl(const char *commands);

int wmain(int count, WCHAR **words) {
  DWORD result = CordonBfeControl("dump");
  for (int i = 1; i < count && result == 0; i++) {
    char line[256];
    if (WideCharToMultiByte(CP_UTF8, 0, words[i], -1, line, sizeof line, NULL, NULL) == 0) return 2;
    result = CordonBfeControl(line);
  }
  return result == 0 ? 0 : 1;
}
