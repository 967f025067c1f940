import type { LibraryHandle } from 'koffi';
import { waiting, within } from '../../windows/later.js';
import { CONSTANTS } from './layout.js';
import { collectServices, type Chunk, type ServicesByPid } from './services.js';

/** The service manager is another process, which may be busy: longest wait for it, milliseconds. */
const DEADLINE_MS = 10_000;

/**
 * Asks the service manager which services run in which process.
 * The calls wait for that process, so they are made off the event loop.
 */
export function servicesCall(
  advapi32: LibraryHandle,
  addressOf: (buffer: Buffer) => bigint,
): () => Promise<ServicesByPid> {
  const open = waiting(
    advapi32.func('void * __stdcall OpenSCManagerW(void *machine, void *database, uint32_t access)'),
  );
  const enumerate = waiting(
    advapi32.func(
      'int __stdcall EnumServicesStatusExW(void *manager, int level, uint32_t type, uint32_t state, void *services, uint32_t bufferSize, _Out_ uint32_t *needed, _Out_ uint32_t *returned, _Inout_ uint32_t *resume, void *group)',
    ),
  );
  const close = waiting(advapi32.func('int __stdcall CloseServiceHandle(void *handle)'));
  const { SC_MANAGER_CONNECT, SC_MANAGER_ENUMERATE_SERVICE } = CONSTANTS;
  const { SC_ENUM_PROCESS_INFO, SERVICE_WIN32, SERVICE_ACTIVE } = CONSTANTS;

  async function read(): Promise<ServicesByPid> {
    const manager = await open(null, null, SC_MANAGER_CONNECT | SC_MANAGER_ENUMERATE_SERVICE);
    if (manager === null || manager === 0n) throw new Error('the service manager cannot be asked');
    try {
      return await collectServices(async (buffer, from): Promise<Chunk> => {
        const [needed, returned, resume]: [[number], [number], [number]] = [[0], [0], [from]];
        const ok = await enumerate(
          manager,
          SC_ENUM_PROCESS_INFO,
          SERVICE_WIN32,
          SERVICE_ACTIVE,
          buffer,
          buffer.length,
          needed,
          returned,
          resume,
          null,
        );
        if (ok !== 0) return { kind: 'all', count: returned[0], resume: 0 };
        // The code of the error stays with the thread that made the call; more to come shows in what is needed.
        if (needed[0] === 0 || returned[0] === 0) return { kind: 'failed' };
        return { kind: 'more', count: returned[0], resume: resume[0] };
      }, addressOf);
    } finally {
      await close(manager);
    }
  }

  return () => within(DEADLINE_MS, 'the service manager does not answer', read());
}
