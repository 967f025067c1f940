/* The NT path of a file, lower case, in UTF-16 with its zero: what ALE_APP_ID compares. Needs no engine. */
#include "bfe.h"

/* `\device\harddiskvolumeN` of a drive: what the prefix says, or one made from its letter. */
static void device_of(WCHAR letter, WCHAR *device, size_t room) {
  WCHAR drive[3] = {letter, L':', 0};
  if (QueryDosDeviceW(drive, device, (DWORD)room) > 0 && _wcsnicmp(device, L"\\Device\\HarddiskVolume", 22) == 0) return;
  _snwprintf(device, room, L"\\device\\harddiskvolume%d", towlower(letter) - L'a' + 1);
}

static DWORD app_id(const WCHAR *name, FWP_BYTE_BLOB **blob) {
  WCHAR full[1024], device[128], path[1200];
  if (GetFileAttributesW(name) == INVALID_FILE_ATTRIBUTES) return GetLastError();
  DWORD length = GetFullPathNameW(name, ARRAYSIZE(full), full, NULL);
  if (length == 0 || length >= ARRAYSIZE(full) || full[1] != L':') return ERROR_PATH_NOT_FOUND;
  device_of(full[0], device, ARRAYSIZE(device));
  _snwprintf(path, ARRAYSIZE(path), L"%ls%ls", device, full + 2);
  LCMapStringW(LOCALE_INVARIANT, LCMAP_LOWERCASE, path, -1, path, ARRAYSIZE(path));
  UINT32 size = (UINT32)((wcslen(path) + 1) * sizeof *path);
  BYTE *given = give(sizeof **blob + size);
  FWP_BYTE_BLOB made = {.size = size, .data = given + sizeof made};
  memcpy(given, &made, sizeof made);
  memcpy(given + sizeof made, path, size);
  memcpy(blob, &given, sizeof given);
  return 0;
}

DWORD WINAPI FwpmGetAppIdFromFileName0(const wchar_t *name, FWP_BYTE_BLOB **blob) {
  if (null_mode) return ERROR_FILE_NOT_FOUND;
  struct call c;
  DWORD result = enter(&c, F_FwpmGetAppIdFromFileName0, NO_ENGINE);
  if (!result && (name == NULL || blob == NULL)) result = FWP_E_NULL_POINTER;
  if (!result) result = app_id(name, blob);
  return leave(&c, result);
}
