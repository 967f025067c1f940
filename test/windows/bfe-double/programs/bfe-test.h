/* What the cases of the test program share. */
#include "../src/bfe.h"

DWORD WINAPI CordonBfeControl(const char *commands);

extern int failures;
void expect(DWORD got, DWORD wanted, const char *what, int line);
void hold(BOOL holds, const char *what, int line);
#define EXPECT(call, wanted) expect((DWORD)(call), (DWORD)(wanted), #call, __LINE__)
#define HOLDS(condition) hold((condition) != 0, #condition, __LINE__)

/* Keys are told apart by their first number. */
GUID key(UINT32 n);
HANDLE open_engine(UINT32 flags, UINT32 wait_ms);
DWORD add_provider(HANDLE engine, UINT32 n, UINT32 flags);
/* provider 0: none */
DWORD add_sublayer(HANDLE engine, UINT32 n, UINT32 provider, UINT32 flags);
/* A block at ALE_AUTH_CONNECT_V4 without conditions. */
FWPM_FILTER0 filter(UINT32 n, UINT32 sublayer);
DWORD add_filter(HANDLE engine, UINT32 n, UINT32 sublayer, UINT32 flags);
DWORD get_filter(HANDLE engine, UINT32 n);
DWORD delete_filter(HANDLE engine, UINT32 n);
UINT32 count_filters(HANDLE engine, UINT32 flags);

extern const GUID connect_v4, connect_v6, protocol, remote_port, remote_address, app_id, user_id, package_id, flags_field;

void objects_case(void);
void transactions_case(void);
void conditions_case(void);
void values_case(void);
void enumeration_case(void);
void memory_case(void);
void sessions_case(void);
void locks_case(void);
void faults_case(void);
void phases_case(void);
void applications_case(void);
void security_case(void);
