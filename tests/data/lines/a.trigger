// class Commented {}
trigger TideTrigger on Account (before insert) {
}
public with sharing class Gauge {
  private Integer level;
  public static Integer read(String x) {
    return 1;
  }
}
