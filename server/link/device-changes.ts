import { Subject, type Observable } from 'rxjs';

/** Says which device changed, to whoever shows devices. Carries no state: the store has it. */
export class DeviceChanges {
  private readonly subject = new Subject<string>();

  /** Ids of changed devices. */
  readonly changed$: Observable<string> = this.subject.asObservable();

  emit(deviceId: string): void {
    this.subject.next(deviceId);
  }

  close(): void {
    this.subject.complete();
  }
}
