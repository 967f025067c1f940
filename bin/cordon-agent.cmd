@rem The agent on Windows, with the Node.js that is installed for everybody: never one from the current folder.
@"%ProgramFiles%\nodejs\node.exe" "%~dp0cordon-agent" %*
