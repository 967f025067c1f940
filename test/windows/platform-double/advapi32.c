/*
 * A double of the part of advapi32.dll that Wine has no more than a stub for: what a service is configured with, and the
 * event log. It writes down what it was given, as the headers of Windows say, into the file CORDON_DOUBLE_LOG. Everything
 * else is forwarded to the real library (advapi32.def).
 */
#include <windows.h>
#include <stdarg.h>
#include <stdio.h>

static void note(const wchar_t *format, ...)
{
    wchar_t path[MAX_PATH], line[4096];
    char text[12288];
    va_list arguments;
    FILE *file;

    if (!GetEnvironmentVariableW(L"CORDON_DOUBLE_LOG", path, MAX_PATH)) return;
    va_start(arguments, format);
    _vsnwprintf(line, sizeof(line) / sizeof(*line) - 1, format, arguments);
    va_end(arguments);
    line[sizeof(line) / sizeof(*line) - 1] = 0;
    if (!WideCharToMultiByte(CP_UTF8, 0, line, -1, text, sizeof(text), NULL, NULL)) return;
    if (!(file = _wfopen(path, L"ab"))) return;
    fprintf(file, "%s\n", text);
    fclose(file);
}

__declspec(dllexport) BOOL WINAPI DoubleChangeServiceConfig2W(SC_HANDLE service, DWORD level, void *info)
{
    (void)service;
    switch (level) {
    case SERVICE_CONFIG_DESCRIPTION:
        note(L"description %ls", ((SERVICE_DESCRIPTIONW *)info)->lpDescription);
        return TRUE;
    case SERVICE_CONFIG_FAILURE_ACTIONS: {
        const SERVICE_FAILURE_ACTIONSW *actions = info;
        note(L"failure-actions reset %lu reboot %d command %d count %lu", actions->dwResetPeriod,
             actions->lpRebootMsg != NULL, actions->lpCommand != NULL, actions->cActions);
        for (DWORD i = 0; i < actions->cActions; i++)
            note(L"action %d after %lu", actions->lpsaActions[i].Type, actions->lpsaActions[i].Delay);
        return TRUE;
    }
    case SERVICE_CONFIG_DELAYED_AUTO_START_INFO:
        note(L"delayed %d", ((SERVICE_DELAYED_AUTO_START_INFO *)info)->fDelayedAutostart);
        return TRUE;
    case SERVICE_CONFIG_FAILURE_ACTIONS_FLAG:
        note(L"failure-flag %d", ((SERVICE_FAILURE_ACTIONS_FLAG *)info)->fFailureActionsOnNonCrashFailures);
        return TRUE;
    case SERVICE_CONFIG_SERVICE_SID_INFO:
        note(L"sid-type %lu", ((SERVICE_SID_INFO *)info)->dwServiceSidType);
        return TRUE;
    case SERVICE_CONFIG_PRESHUTDOWN_INFO:
        note(L"preshutdown %lu", ((SERVICE_PRESHUTDOWN_INFO *)info)->dwPreshutdownTimeout);
        return TRUE;
    }
    SetLastError(ERROR_INVALID_LEVEL);
    return FALSE;
}

__declspec(dllexport) HANDLE WINAPI DoubleRegisterEventSourceW(LPCWSTR server, LPCWSTR source)
{
    note(L"source %ls on this computer %d", source, server == NULL);
    return (HANDLE)(ULONG_PTR)0x51;
}

__declspec(dllexport) BOOL WINAPI DoubleReportEventW(HANDLE log, WORD type, WORD category, DWORD id, PSID user,
                                                     WORD count, DWORD size, LPCWSTR *strings, void *data)
{
    note(L"event source %lx type %u category %u id %lu user %d strings %u data %lu,%d: %ls", (unsigned long)(ULONG_PTR)log,
         type, category, id, user != NULL, count, size, data != NULL, strings[0]);
    if (id != 999) return TRUE;
    SetLastError(ERROR_LOG_FILE_FULL);
    return FALSE;
}
