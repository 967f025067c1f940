/*
 * A double of wtsapi32.dll: five sessions, and the messages that were sent to them, written into the file
 * CORDON_DOUBLE_LOG as they came. CORDON_DOUBLE_REFUSES names a session that takes no message.
 */
#include <windows.h>
#include <wtsapi32.h>
#include <stdio.h>

static void note(const wchar_t *line)
{
    wchar_t path[MAX_PATH];
    char text[24576];
    FILE *file;

    if (!GetEnvironmentVariableW(L"CORDON_DOUBLE_LOG", path, MAX_PATH)) return;
    if (!WideCharToMultiByte(CP_UTF8, 0, line, -1, text, sizeof(text), NULL, NULL)) return;
    if (!(file = _wfopen(path, L"ab"))) return;
    fprintf(file, "%s\n", text);
    fclose(file);
}

__declspec(dllexport) BOOL WINAPI DoubleWTSEnumerateSessionsW(HANDLE server, DWORD reserved, DWORD version,
                                                              PWTS_SESSION_INFOW *sessions, DWORD *count)
{
    static const WTS_SESSION_INFOW table[] = {
        { 0, (wchar_t *)L"Services", WTSDisconnected },
        { 1, (wchar_t *)L"Console", WTSActive },
        { 2, (wchar_t *)L"RDP-Tcp#1", WTSDisconnected },
        { 3, (wchar_t *)L"Logon screen", WTSConnected },
        { 65536, (wchar_t *)L"RDP-Tcp", WTSListen },
    };

    if (server != WTS_CURRENT_SERVER_HANDLE || reserved != 0 || version != 1) {
        SetLastError(ERROR_INVALID_PARAMETER);
        return FALSE;
    }
    if (!(*sessions = malloc(sizeof(table)))) return FALSE;
    memcpy(*sessions, table, sizeof(table));
    *count = sizeof(table) / sizeof(*table);
    note(L"sessions listed");
    return TRUE;
}

__declspec(dllexport) void WINAPI DoubleWTSFreeMemory(void *memory)
{
    note(L"memory freed");
    free(memory);
}

__declspec(dllexport) BOOL WINAPI DoubleWTSSendMessageW(HANDLE server, DWORD session, LPWSTR title, DWORD titleSize,
                                                        LPWSTR text, DWORD textSize, DWORD style, DWORD timeout,
                                                        DWORD *answer, BOOL wait)
{
    wchar_t line[8192], refused[16];

    _snwprintf(line, sizeof(line) / sizeof(*line), L"message to %lu of this computer %d style %lx timeout %lu wait %d [%.*ls] [%.*ls]",
               session, server == WTS_CURRENT_SERVER_HANDLE, style, timeout, wait, (int)(titleSize / 2), title,
               (int)(textSize / 2), text);
    line[sizeof(line) / sizeof(*line) - 1] = 0;
    note(line);
    *answer = IDASYNC;
    if (GetEnvironmentVariableW(L"CORDON_DOUBLE_REFUSES", refused, 16) && _wtoi(refused) == (int)session) {
        SetLastError(ERROR_ACCESS_DENIED);
        return FALSE;
    }
    return TRUE;
}
