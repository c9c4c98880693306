"""What people say to let a reply go on.

Nothing is imported here, so that settings do not need what reads texts.
"""

DEFAULT_GO_ON_PHRASES = (
    *("go on", "go ahead", "carry on", "keep going", "keep talking", "keep on going"),
    *("continue", "continue talking", "continue speaking", "resume", "proceed"),
    *("please go on", "please continue", "please proceed", "please resume"),
    *("you can go on", "you can continue", "you can go ahead", "you can carry on"),
    *("you can keep going", "you can resume", "you may go on", "you may continue"),
    *("you may proceed", "can you go on", "can you continue", "could you go on"),
    *("could you continue", "let's go on", "let's continue", "let us carry on"),
    *("i'm back", "i'm here", "i'm here again", "i'm listening", "i'm listening again"),
    *("i'm ready", "i'm all ears", "back again", "where were we", "where were you"),
)
"""What lets a reply go on that was asked to wait."""
