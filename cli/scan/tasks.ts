import type { IocScanTask } from '../../shared/gen/cordon/v1/task.js';
import {
  GetIocScanTaskRequest,
  ListIocScanTasksRequest,
  TaskServiceService,
} from '../../shared/gen/cordon/v1/task_service.js';
import type { Api } from '../client.js';
import { CliError, ExitCode } from '../exit.js';
import { readPages } from '../pages.js';

/** A task can name a thousand documents and as many folders: fewer of them fit an answer. */
const TASKS_A_PAGE = 50;

/** @param name name or id. @throws ServiceError NOT_FOUND */
export async function readScan(api: Api, name: string): Promise<IocScanTask> {
  const request = GetIocScanTaskRequest.fromPartial({ id: name });
  return requireScan((await api.unary(TaskServiceService.getIocScanTask, request)).iocScanTask);
}

/** Every IOC scan task, by name. */
export function readScans(api: Api): Promise<IocScanTask[]> {
  return readPages(async (pageToken) => {
    const request = ListIocScanTasksRequest.fromPartial({ pageToken, pageSize: TASKS_A_PAGE });
    const page = await api.unary(TaskServiceService.listIocScanTasks, request);
    return { items: page.iocScanTasks, nextPageToken: page.nextPageToken };
  });
}

export function requireScan(task: IocScanTask | undefined): IocScanTask {
  if (task) return task;
  throw new CliError(
    ExitCode.REFUSED,
    'the server answered without a scan',
    'look into the log of the server',
  );
}
