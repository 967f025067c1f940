/** What the YAML parser found and where, without the excerpt of the file that it puts below. */
export function yamlProblem(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  return (message.split('\n')[0] ?? '').replace(/:$/, '');
}
