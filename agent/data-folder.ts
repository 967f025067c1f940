import { makeFolder } from '../shared/folder.js';
import { folderSecurity } from './windows/folder-security.js';

/**
 * Makes the agent's data folder. On Windows, where permission bits mean nothing, it is made for LocalSystem and
 * Administrators alone, and one that is there already is taken only if it is like that: any user may make folders in
 * %ProgramData%.
 * @throws FolderError, WindowsError or an error of the file system
 */
export async function prepareDataFolder(path: string): Promise<void> {
  if (process.platform !== 'win32') {
    makeFolder(path, 0o700);
    return;
  }
  const security = await folderSecurity();
  security.make(path);
  security.check(path, 'private');
}
